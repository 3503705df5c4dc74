"""Cases for the contract tests: a config for each plug-in, and others with options that change its code."""

from collections.abc import Sequence
from typing import Any

import pytest

from poet.registry import Registry


def installed(registry: Registry) -> list[Any]:
    """The default config of every entry that an installed package offers; a plug-in is tested once it is installed."""
    return [registry.get(id)() for id in registry.ids() if registry.origin(id).package is not None]


def parameters(configs: Sequence[Any], ci: Sequence[str] = ()) -> list[Any]:
    """For `pytest.fixture(params=...)`: of each id the first config runs by default, the others with the slow tests.

    Of the ids in `ci` the first one runs in CI only.
    """
    ids = [config.id for config in configs]
    marks = [
        pytest.mark.slow if config.id in ids[:number] else pytest.mark.ci if config.id in ci else ()
        for number, config in enumerate(configs)
    ]
    return [pytest.param(config, id=_name(config), marks=mark) for config, mark in zip(configs, marks)]


def _name(config: Any) -> str:
    """The id and the options that differ from the defaults."""
    default = type(config)()
    changed = [
        f"{field}={value}"
        for field, value in vars(config).items()
        if value != getattr(default, field) and isinstance(value, str | int | float | tuple)
    ]
    return " ".join([config.id, *changed])
