"""Dataclasses of options that check the types of their fields when they are made. Knows no jax."""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal

from poet.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class TypedConfig:
    """Base of all config classes. Fields are checked before `__post_init__`, so that it compares what is comparable.

    NumPy scalars become Python numbers, lists and arrays become tuples. Raises `ConfigError` for a value of another
    type, and for a number that is not finite.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Walk(TypedConfig):
    ...     steps: int = 3
    >>> import numpy
    >>> Walk(steps=numpy.int64(5))
    Walk(steps=5)
    >>> Walk(steps=2.5)
    Traceback (most recent call last):
    ...
    poet.errors.ConfigError: Walk: steps expects an integer, got 2.5
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = cls.__dict__.get("__post_init__")
        if own is not None:
            cls.__post_init__ = _after_checks(own)  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        check_fields(self)


def _after_checks(own: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(own)
    def post_init(self: Any) -> None:
        check_fields(self)
        own(self)

    return post_init


def check_fields(config: Any) -> None:
    """Check every field of a config by its type, and convert it; see `TypedConfig`."""
    for name, hint in _hints(type(config)).items():
        value = getattr(config, name)
        converted = check_value(f"{_label(type(config))}: {name}", hint, value)
        if converted is not value:
            object.__setattr__(config, name, converted)


def check_value(name: str, hint: Any, value: Any) -> Any:
    """The value as this type, converted as a field of a config is. Raises `ConfigError` that names it.

    >>> check_value("shape", tuple[int, ...], [20, 20])
    (20, 20)
    """
    try:
        return _convert(hint, value)
    except ValueError as error:
        raise ConfigError(f"{name} expects {error}, got {value!r:.200}") from None


def _label(kind: Any) -> str:
    """What a config is of, as "emitter iso-line"; its class where it has no id."""
    return f"{kind.registry.kind} {kind.id}" if getattr(kind, "id", "") else kind.__name__


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _convert(hint: Any, value: Any) -> Any:
    """The value as this type. Raises `ValueError` that says what was expected."""
    if type(value).__module__ == "numpy":  # a scalar or an array; this module does not import NumPy
        value = value.tolist()
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(args, value)
    if origin is Literal:
        if value not in args:
            raise ValueError(" or ".join(map(repr, args)))
        return value
    if origin is tuple:
        return _convert_tuple(args, value)
    if hint is Any:
        return value
    if hint is bool:
        return _require(isinstance(value, bool), value, "True or False")
    if hint is int:
        _require(isinstance(value, int) and not isinstance(value, bool), value, "an integer")
        return _require(abs(value) < 2**63, value, "an integer of 64 bits")
    if hint is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return _require(is_number and math.isfinite(value), value, "a finite number")
    if hint is str:
        return _require(isinstance(value, str), value, "text")
    if hint is Mapping:
        return _require(isinstance(value, Mapping), value, "a dict")
    if hint is Callable:
        return _require(callable(value), value, "a function")
    if hint is type(None):
        return _require(value is None, value, "None")
    if isinstance(hint, type):
        return _require(isinstance(value, hint), value, f"an instance of {hint.__name__}")
    return value


def _require(holds: bool, value: Any, expected: str) -> Any:
    if not holds:
        raise ValueError(expected)
    return value


def _convert_union(hints: tuple[Any, ...], value: Any) -> Any:
    expected = []
    for hint in hints:
        try:
            return _convert(hint, value)
        except ValueError as error:
            expected.append(str(error))
    raise ValueError(" or ".join(expected))


def _convert_tuple(hints: tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, tuple | list):
        raise ValueError("a tuple")
    repeated = len(hints) == 2 and hints[1] is Ellipsis
    if not repeated and len(value) != len(hints):
        raise ValueError(f"a tuple of {len(hints)} values")
    items = tuple(_convert(hints[0] if repeated else hints[place], item) for place, item in enumerate(value))
    return value if isinstance(value, tuple) and all(a is b for a, b in zip(items, value)) else items
