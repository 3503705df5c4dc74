"""The type checker of `make typed`: beartype, with what it cannot read left out.

It imports nothing of ours, since what is imported before jaxtyping's hook is installed is not checked.
"""

import collections.abc
import functools
import inspect
import operator
import types
import typing
from typing import Any, Generic, TypeVar

from beartype import BeartypeConf, beartype

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))
T = TypeVar("T")


def checker(function: T) -> T:
    """The function with its annotations checked at each call.

    Modules whose annotations are strings, as those of configs and views, are left out: their names exist only for
    static type checkers.
    """
    if not inspect.isfunction(function):
        return _check(function)  # pyright: ignore
    if any(isinstance(hint, str) for hint in function.__annotations__.values()):
        return function
    function.__annotations__ = {name: readable(hint) for name, hint in function.__annotations__.items()}
    return _check(function)


def readable(hint: Any) -> Any:
    """The hint without what beartype 0.23 cannot check: a generic NamedTuple is any tuple, a protocol is any object."""
    origin = typing.get_origin(hint) or hint
    if isinstance(origin, type):
        if issubclass(origin, tuple) and hasattr(origin, "_fields") and issubclass(origin, Generic):
            return tuple
        if getattr(origin, "_is_protocol", False) and not getattr(origin, "_is_runtime_protocol", False):
            return object
    arguments = typing.get_args(hint)
    if not arguments or origin in (typing.Literal, collections.abc.Callable):
        return hint
    new = tuple(map(readable, arguments))
    if new == arguments:
        return hint
    return functools.reduce(operator.or_, new) if origin in (typing.Union, types.UnionType) else origin[new]
