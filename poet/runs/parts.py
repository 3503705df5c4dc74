"""Parts of one's own, in place of those that a config names: a run folder does not hold them, but tells of them."""

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poet.errors import RunError

Told = Mapping[str, dict[str, Any]]  # by the parameter of `build` that takes the part


def tell(parts: Mapping[str, Any]) -> Told:
    """What can be written of each part: its id and version, and those of its fields that are plain values."""
    return {name: _tell(part) for name, part in sorted(parts.items()) if part is not None}


def _tell(part: Any) -> dict[str, Any]:
    names = {"id", "version"}
    if dataclasses.is_dataclass(part):
        names |= {field.name for field in dataclasses.fields(part)}
    told = {}
    for name in sorted(names.union(getattr(part, "_fields", ()))):
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            told[name] = json.loads(json.dumps(getattr(part, name), allow_nan=False, default=dict))
    return told


def check_given(path: Path, before: Told, now: Told) -> None:
    """Raise `RunError` if a run was started with parts which are not there now."""
    if before.keys() - now.keys():
        names = ", ".join(f"{name}=..." for name in before)
        raise RunError(
            f"{path} was started from Python with parts of one's own ({', '.join(before)}), which the folder does not "
            f"hold: go on from there, with poet.run(config, {str(path)!r}, {names})"
        )
