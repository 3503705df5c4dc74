"""Calls of plug-ins by views: their errors in words, and pictures that are what they should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.errors import ContractError, PoetError, named_errors

if TYPE_CHECKING:
    from poet.view.run import Run


def call_for_picture(what: str, draw: Callable[..., Any], *args: Any) -> np.ndarray:
    """What a function of a plug-in draws, u8[H, W, 3]. Raises `ContractError` if it fails or gives something else."""
    with named_errors(what):
        picture = draw(*args)
    return check_picture(what, picture)


def check_picture(what: str, picture: Any) -> np.ndarray:
    """The picture itself. Raises `ContractError` unless it is u8[H, W, 3] and not empty."""
    with named_errors(what):
        array = np.asarray(picture)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise ContractError(
            f"{what} gives {array.dtype}[{', '.join(map(str, array.shape))}]: expected a picture u8[H, W, 3]"
        )
    return array


def try_picture(run: Run, draw: Callable[[int], np.ndarray], which: int) -> np.ndarray | str:
    """A picture, or a sentence that says why there is none; the reason is added to the failures of the run."""
    try:
        return draw(which)
    except PoetError as error:
        run.failures.append(str(error))
        return f"no picture: {error}"
