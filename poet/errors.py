"""Errors that a user can act on: each says what was expected, what came, and what to do."""

import contextlib
import difflib
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

MAX_REASON = 300  # characters of an error of a plug-in


class PoetError(Exception):
    """Base of all errors that the caller can correct; the command prints them without a traceback."""


class ConfigError(PoetError, ValueError):
    """An impossible configuration: an unknown name, a value out of range, a combination that does not work."""


class ShapeError(PoetError, ValueError):
    """An array or tree of another shape, dtype or structure than declared."""


class ContractError(PoetError, TypeError):
    """A plug-in or a function that was given does not do what its protocol demands."""


class RunError(PoetError):
    """A run folder that cannot be used: locked, of another format, of another identity, unreadable, full."""


def unknown(kind: str, name: str, known: Iterable[str]) -> ConfigError:
    """An error that names what was asked for, the nearest known names, and all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return ConfigError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(known) or 'none'}.")


@contextlib.contextmanager
def named_errors(what: str) -> Iterator[None]:
    """Turn an error of a plug-in into a `ContractError` that says what failed, why and where."""
    try:
        yield
    except PoetError:
        raise
    except Exception as error:  # a plug-in may fail in any way
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_REASON]
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise ContractError(f"{what} raises {reason} (line {place.lineno} of {Path(place.filename).name})") from error
