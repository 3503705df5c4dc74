"""Objects that a caller gave in place of those that the config names. A run folder cannot hold them, but it describes
them.
"""

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from poet.errors import RunError

OverrideSpec: TypeAlias = Mapping[str, dict[str, Any]]  # by the parameter of the config's `make`


def describe(overrides: Mapping[str, Any]) -> OverrideSpec:
    """What can be written of each object: its id and version, and those of its fields that are plain values."""
    return {name: _describe(value) for name, value in sorted(overrides.items()) if value is not None}


def _describe(value: Any) -> dict[str, Any]:
    names = {"id", "version"}
    if dataclasses.is_dataclass(value):
        names |= {field.name for field in dataclasses.fields(value)}
    described = {}
    for name in sorted(names.union(getattr(value, "_fields", ()))):
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            described[name] = json.loads(json.dumps(getattr(value, name), allow_nan=False, default=dict))
    return described


def require_same_overrides(path: Path, before: OverrideSpec, now: OverrideSpec) -> None:
    """Raise `RunError` if a run was started with objects that are not given now."""
    if before.keys() - now.keys():
        names = ", ".join(f"{name}=..." for name in before)
        raise RunError(
            f"{path} was started from Python with user-defined objects ({', '.join(before)}), which the folder does "
            f"not hold: resume it from Python, with poet.run(config, {str(path)!r}, {names})"
        )
