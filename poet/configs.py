"""Configs as JSON and back, and the differences between two of them. Knows no jax.

A config is a frozen dataclass of plain values and other configs. What comes from a registry is written with its id.
"""

import dataclasses
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

from poet.errors import ConfigError, unknown
from poet.registry import RENAMED, PluginConfig, Registry

ConfigT = TypeVar("ConfigT", bound=Any)
MAX_WIDTH = 80  # of a value in a line


def to_dict(value: Any) -> Any:
    """A config as JSON values; tuples become lists."""
    if dataclasses.is_dataclass(value):
        fields = {field.name: to_dict(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"id": value.id, **fields} if isinstance(value, PluginConfig) else fields
    return [to_dict(item) for item in value] if isinstance(value, tuple | list) else value


def from_dict(registry: Registry, data: Mapping[str, Any], name: str = "") -> Any:
    """The config of a registry's entry from what `to_dict` wrote; `name` is its dotted place, for errors.

    Raises `ConfigError` for unknown ids and fields and for values that cannot be.
    """
    return _decode_plugin([registry], data, name)


def registries_of(hint: Any) -> list[Registry]:
    """The registries whose entries a field of this type takes; none for a plain field."""
    options = [option for option in typing.get_args(hint) or (hint,) if isinstance(option, type)]
    return [option.registry for option in options if issubclass(option, PluginConfig) and hasattr(option, "registry")]


def find(registries: Collection[Registry], id: str) -> type[PluginConfig]:
    """The config class of an id in one of several registries. Raises `ConfigError` where none has it."""
    for name in (id, RENAMED.get(id, id)):
        for registry in registries:
            if name in registry.ids():
                return registry.get(name)
    if len(registries) == 1:
        return next(iter(registries)).get(id)
    known = [each for registry in registries for each in registry.ids()]
    raise unknown(" or ".join(registry.kind for registry in registries), id, known)


def _decode_plugin(registries: list[Registry], data: Mapping[str, Any], name: str) -> Any:
    values = dict(data) if isinstance(data, Mapping) else {"id": data}
    id = values.pop("id", None)
    if not isinstance(id, str) or not isinstance(data, Mapping):
        kinds = " or ".join(registry.kind for registry in registries)
        raise ConfigError(f"{name or 'config'} expects an id of kind {kinds}, got {id!r}")
    return _make(find(registries, id), values, f"{name}." if name else "")


def _make(kind: type, values: dict[str, Any], prefix: str) -> Any:
    hints = typing.get_type_hints(kind)
    known = {field.name for field in dataclasses.fields(kind)}
    for name in values:
        if name not in known:
            raise unknown("config field", f"{prefix}{name}", {prefix + field for field in known})
    return kind(**{name: _decode(hints[name], value, prefix + name) for name, value in values.items()})


def _decode(hint: Any, value: Any, name: str) -> Any:
    registries = registries_of(hint)
    options = typing.get_args(hint) or (hint,)
    if isinstance(value, dict):
        if registries:
            return _decode_plugin(registries, value, name)
        kinds = [option for option in options if isinstance(option, type) and dataclasses.is_dataclass(option)]
        return _make(kinds[0], value, f"{name}.") if kinds else value  # its config refuses what it cannot be
    return tuple(_decode(options[0], item, name) for item in value) if isinstance(value, list) else value


def adjustable_fields(config: Any, prefix: str = "") -> set[str]:
    """Dotted names of the options in which a resumed run may differ from its start."""
    names = {prefix + name for base in type(config).__mro__ for name in vars(base).get("adjustable", ())}
    for place, item in _nested(config):
        names |= adjustable_fields(item, f"{prefix}{place}.")
    return names


def with_recorded(config: ConfigT, recorded: Mapping[str, Any]) -> ConfigT:
    """The config in which each option that was resolved on a device and is None now has its recorded value."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value, before = getattr(config, field.name), recorded.get(field.name)
        if value is None and field.name in getattr(config, "resolved", ()):
            changes[field.name] = before
        elif dataclasses.is_dataclass(value) and isinstance(before, Mapping):
            changes[field.name] = with_recorded(value, before)
    return dataclasses.replace(config, **changes)


def plugins(config: Any, prefix: str = "") -> dict[str, PluginConfig]:
    """Every config within a config that comes from a registry, by its dotted place; "" is the config itself."""
    found = {prefix: config} if isinstance(config, PluginConfig) else {}
    for place, item in _nested(config):
        found |= plugins(item, f"{prefix}.{place}" if prefix else place)
    return found


def _nested(config: Any) -> Iterator[tuple[str, Any]]:
    """The configs in the fields of a config and in its tuples, with their places: "archive", "emitters.0"."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        for number, item in enumerate(value if isinstance(value, tuple) else (value,)):
            if dataclasses.is_dataclass(item):
                yield f"{field.name}.{number}" if isinstance(value, tuple) else field.name, item


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted names to values.

    >>> flatten({"seed": 0, "learner": {"id": "es", "sigma": 0.1}})
    {'seed': 0, 'learner.id': 'es', 'learner.sigma': 0.1}
    """
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def differences(old: Mapping[str, Any], new: Mapping[str, Any], ignored: Collection[str] = ()) -> list[str]:
    """One readable line for each value in which two nested mappings differ, except under `ignored` dotted names.

    >>> differences({"emitters": [{"sigma": 0.1}]}, {"emitters": [{"sigma": 0.2}]})
    ['emitters.0.sigma: 0.1 -> 0.2']
    """
    before, after = flatten(old), flatten(new)
    lines = []
    for name in sorted((before.keys() | after.keys()) - set(ignored)):
        was, now = before.get(name, "absent"), after.get(name, "absent")
        if was == now:
            continue
        if _are_mappings(was) and _are_mappings(now) and len(was) == len(now):
            for number, pair in enumerate(zip(was, now)):
                place = f"{name}.{number}."
                below = {each.removeprefix(place) for each in ignored if each.startswith(place)}
                lines += [place + line for line in differences(*pair, below)]
        else:
            lines.append(f"{name}: {_short(was)} -> {_short(now)}")
    return lines


def _are_mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= MAX_WIDTH else f"{text[: MAX_WIDTH - 3]}..."
