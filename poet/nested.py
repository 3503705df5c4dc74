"""Nested settings as dotted names, for comparing two of them."""

from collections.abc import Collection, Mapping
from typing import Any

WIDTH = 80  # of a value in a line


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted names to values."""
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def differences(old: Mapping[str, Any], new: Mapping[str, Any], apart: Collection[str] = ()) -> list[str]:
    """One readable line for each value in which two differ, but for those of some dotted names."""
    before, after = flatten(old), flatten(new)
    return [
        f"{name}: {_short(before.get(name, 'absent'))} -> {_short(after.get(name, 'absent'))}"
        for name in sorted((before.keys() | after.keys()) - set(apart))
        if before.get(name, "absent") != after.get(name, "absent")
    ]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."
