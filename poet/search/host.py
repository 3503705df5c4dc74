"""Trees of NumPy arrays on the host. A stacked tree is N trees of one structure as one tree whose leaves have a leading
axis of length N.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from poet.types import PyTree


def get_item(tree: PyTree, index: int) -> PyTree:
    """A copy of one of the N trees, with NumPy leaves: a later `set_item` of the same index does not change it.

    >>> get_item({"x": np.array([1, 2]), "y": np.array([[3, 4], [5, 6]])}, 1)
    {'x': array(2), 'y': array([5, 6])}
    """
    return jax.tree.map(lambda leaf: np.array(leaf[index]), tree)


def set_item(tree: PyTree, index: int, item: PyTree) -> None:
    """Write `item` into the stacked tree, in place; its leaves are writable NumPy arrays.

    >>> tree = {"x": np.array([1, 2])}
    >>> set_item(tree, 0, {"x": 5})
    >>> tree
    {'x': array([5, 2])}
    """
    jax.tree.map(lambda leaf, value: leaf.__setitem__(index, np.asarray(value)), tree, item)


def jit_to_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled once, with NumPy arrays as results.

    >>> jit_to_numpy(lambda x: {"double": 2 * x})(np.float32([1, 2]))
    {'double': array([2., 4.], dtype=float32)}
    """
    compiled = jax.jit(function)
    return lambda *args: jax.tree.map(np.asarray, compiled(*args))


def worst_if_not_finite(scores: Float[np.ndarray, "*K"]) -> Float[np.ndarray, "*K"]:
    """Scores that can be compared: NaN and infinities rank below everything.

    >>> worst_if_not_finite(np.array([1.0, np.inf, np.nan]))
    array([  1., -inf, -inf])
    """
    return np.where(np.isfinite(scores), scores, -np.inf)
