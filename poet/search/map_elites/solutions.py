"""Solutions: trees of arrays for users, vectors f32[G] for emitters and archives.

A vector holds the leaves of a tree in the order of `jax.tree.leaves` (sorted keys for a dict), each in C order.

Axes: B batch, G parameters.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from poet.archives.table import payload_names
from poet.errors import ShapeError
from poet.types import PyTree


class SolutionForm(NamedTuple):
    """What one solution looks like.

    Attributes:
      shapes: shape of each leaf by the name of its column in tables.
      num_params: G, the number of all numbers.
      is_vector: whether it is one array f32[G], which stays as it is.
      ravel: a batch of trees, leaves [B, ...] -> f32[B, G]; of jax or NumPy arrays.
      unravel: its inverse.
    """

    shapes: dict[str, tuple[int, ...]]
    num_params: int
    is_vector: bool
    ravel: Callable[[PyTree], Any]
    unravel: Callable[[Any], PyTree]


def solution_form(example: PyTree) -> SolutionForm:
    """The form of solutions like an example, whose leaves are arrays or `jax.ShapeDtypeStruct`s of float32.

    A vector stays as it is. Raises `ShapeError` for a tree without numbers or with other leaves, and `ConfigError` for
    leaves of one name.

    >>> form = solution_form({"scale": np.zeros((), np.float32), "weights": np.zeros((2, 3), np.float32)})
    >>> form.num_params, form.ravel({"scale": np.ones(5), "weights": np.zeros((5, 2, 3))}).shape
    (7, (5, 7))
    """
    leaves, structure = jax.tree.flatten(example)
    for name, leaf in zip(payload_names(example), leaves):
        if getattr(leaf, "dtype", None) != np.float32:
            raise ShapeError(
                f"expected solutions of float32 arrays, which emitters can change; {name} is "
                f"{getattr(leaf, 'dtype', type(leaf).__name__)}: convert it, and round where it is used"
            )
    shapes = dict(zip(payload_names(example), (tuple(leaf.shape) for leaf in leaves)))
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    if not sum(sizes):
        raise ShapeError(f"expected solutions of at least one number, got {example!r:.200}")
    if jax.tree_util.treedef_is_leaf(structure) and len(leaves[0].shape) == 1:
        return SolutionForm(shapes, sizes[0], True, lambda tree: tree, lambda vectors: vectors)
    ends = np.cumsum(sizes)

    def ravel(tree: PyTree) -> Any:
        parts = [leaf.reshape(len(leaf), size) for leaf, size in zip(jax.tree.leaves(tree), sizes)]
        return parts[0].__array_namespace__().concatenate(parts, axis=1)

    def unravel(vectors: Any) -> PyTree:
        parts = (vectors[:, end - size : end] for size, end in zip(sizes, ends))
        reshaped = [part.reshape(len(vectors), *shape) for part, shape in zip(parts, shapes.values())]
        return jax.tree.unflatten(structure, reshaped)

    return SolutionForm(shapes, sum(sizes), False, ravel, unravel)
