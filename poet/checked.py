"""JSON from files that may be damaged: of the expected form, or an error that says what is wrong.

All functions raise `ValueError`; who knows the file makes it an error of its own. Imports no NumPy.

A form describes JSON values:

- `int`, `float` (any number), `str`, `bool`, `dict`, `list`, `None`, and `object` for anything
- a `range` of integers, as `NATURAL`
- a tuple of forms, of which one fits
- `[form]`, a list of such items, and `[form, form, ...]`, a list of exactly these
- `{str: form}`, an object with such values under any names
- `{"name": form, "other?": form}`, an object with these values, of which those with "?" may be absent
"""

import json
from typing import Any, TypeAlias

Form: TypeAlias = Any

NATURAL = range(2**63)
MAX_DEPTH = 50  # of lists and objects within each other; no file of a run comes near
_NAMES = {int: "an integer", float: "a number", str: "text", bool: "true or false", dict: "an object", list: "a list"}


def parse_json(data: bytes | str) -> Any:
    """JSON values, nested at most `MAX_DEPTH` times, with integers of at most 64 bits."""
    try:
        value = json.loads(data, parse_int=_int64)
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    opened = (data.count(b"[") + data.count(b"{")) if isinstance(data, bytes) else data.count("[") + data.count("{")
    if opened > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise ValueError("it nests too deeply")
    return value


def _int64(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= (number := int(text)) < 2**63:
        raise ValueError(f"it has an integer of more than 64 bits, {text[:20]}")
    return number


def _is_deeper(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_is_deeper(item, depth - 1) for item in items)


def check(value: Any, form: Form, place: str = "") -> None:
    """Raise `ValueError` unless the value is of this form; `place` is its dotted name, for the error."""
    if isinstance(form, tuple):
        if not any(_fits(value, each) for each in form):
            _refuse(value, form, place)
    elif isinstance(form, list):
        if not isinstance(value, list) or len(form) not in (1, len(value)):
            _refuse(value, form, place)
        if len(form) > 1:
            for number, item in enumerate(value):
                check(item, form[number], _dotted(place, number))
            return
        allowed = _types_of(form[0])
        if allowed is None or not set(map(type, value)) <= allowed:  # the second is faster, for the many numbers
            for number, item in enumerate(value):
                check(item, form[0], _dotted(place, number))
    elif isinstance(form, dict):
        if not isinstance(value, dict):
            _refuse(value, dict, place)
        if str in form:
            for name, item in value.items():
                check(item, form[str], _dotted(place, name))
            return
        for name, each in form.items():
            bare = name.removesuffix("?")
            if bare in value:
                check(value[bare], each, _dotted(place, bare))
            elif bare == name:
                raise ValueError(f"{place or 'it'} lacks {name!r}")
    elif isinstance(form, range):
        if type(value) is not int or value not in form:
            _refuse(value, form, place)
    elif not _is_of_type(value, form):
        _refuse(value, form, place)


def _fits(value: Any, form: Form) -> bool:
    try:
        check(value, form)
    except ValueError:
        return False
    return True


def _is_of_type(value: Any, form: Form) -> bool:
    if form is None:
        return value is None
    if form is float:
        return type(value) in (int, float)
    return type(value) is form or form is object


def _types_of(form: Form) -> set[type] | None:
    """The types of values that fit, where that depends on nothing else."""
    found: set[type] = set()
    for each in form if isinstance(form, tuple) else (form,):
        if each in (int, str, bool):
            found.add(each)
        elif each is float:
            found |= {int, float}
        elif each is None:
            found.add(type(None))
        else:
            return None
    return found


def _refuse(value: Any, form: Form, place: str) -> None:
    raise ValueError(f"{place or 'it'} expects {_describe(form)}, got {value!r:.80}")


def _describe(form: Form) -> str:
    if isinstance(form, tuple):
        return " or ".join(map(_describe, form))
    if isinstance(form, range):
        return f"an integer from {form.start}"
    if isinstance(form, list) and len(form) > 1:
        return f"a list of {len(form)} values"
    return "null" if form is None else _NAMES[type(form) if isinstance(form, dict | list) else form]


def _dotted(place: str, name: str | int) -> str:
    return f"{place}.{name}" if place else str(name)
