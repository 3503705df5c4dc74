"""Names of generators and how to make them. Knows no jax: listing and configuring start no accelerator.

A generator enters by its config class, a frozen dataclass derived from `GeneratorConfig`; from another package
by an entry point in the group `poet.generators`, whose name is the id and whose object is that class.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any, ClassVar

from poet.errors import ConfigError, ContractError, unknown

if TYPE_CHECKING:
    from envs.base import Generator

ENTRY_POINTS = "poet.generators"


@dataclasses.dataclass(frozen=True)
class GeneratorConfig:
    """Options of a generator. Subclasses set `id`, add fields with defaults, and make the generator."""

    id: ClassVar[str] = ""

    def make(self) -> Generator:
        """Build the generator; import jax here, not at the top of the module that holds the config."""
        raise ContractError(f"{type(self).__name__} must define make(self) -> Generator")


_known: dict[str, str | type[GeneratorConfig]] = {"walker": "envs.walker.config:WalkerConfig"}


def register(config: type[GeneratorConfig]) -> type[GeneratorConfig]:
    """Make a generator known under its config's `id`; usable as a decorator."""
    if not (isinstance(config, type) and issubclass(config, GeneratorConfig) and dataclasses.is_dataclass(config)):
        raise ContractError(f"register expects a dataclass derived from GeneratorConfig, got {config!r}")
    if not config.id:
        raise ContractError(f"{config.__name__} must set `id`, the name under which it is found")
    _known[config.id] = config
    return config


def _plugins() -> dict[str, importlib.metadata.EntryPoint]:
    return {entry.name: entry for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)}


def names() -> list[str]:
    """Every id, own and plugged in, without importing any of them."""
    return sorted({*_known, *_plugins()})


def config_class(name: str) -> type[GeneratorConfig]:
    """The config class behind an id. Raises `ConfigError` for an unknown id or a plug-in that fails to import."""
    found: Any = _known.get(name)
    if found is None:
        plugins = _plugins()
        if name not in plugins:
            raise unknown("generator", name, names())
        try:
            found = plugins[name].load()
        except Exception as error:
            raise ConfigError(f"generator {name!r} failed to load from {plugins[name].value}: {error!r}") from error
    if isinstance(found, str):
        module, _, attribute = found.partition(":")
        found = getattr(importlib.import_module(module), attribute)
    if not (isinstance(found, type) and issubclass(found, GeneratorConfig)):
        raise ConfigError(f"generator {name!r} must be a class derived from GeneratorConfig, got {found!r}")
    return found


def status() -> list[tuple[str, str]]:
    """Each id with "ok" or the error that its import raises; a broken plug-in is a row, not a crash."""
    rows = []
    for name in names():
        try:
            config_class(name)
            rows.append((name, "ok"))
        except ConfigError as error:
            rows.append((name, str(error)))
    return rows


def make(name: str, **options: Any) -> Generator:
    """The generator of that id with these options. Raises `ConfigError` for an unknown id or option."""
    config = config_class(name)
    fields = {field.name for field in dataclasses.fields(config)}
    for option in options:
        if option not in fields:
            raise unknown(f"option of generator {name!r}:", option, fields)
    return config(**options).make()
