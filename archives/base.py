"""What every archive is and promises.

An archive keeps the best of what was found, by what it is like. It is a triple of pure functions over a state that is
allocated at capacity and never grows, so a batch of one shape compiles once.

Axes: B batch, R rows (places for elites), C cells, D descriptor, M objectives.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.errors import ShapeError
from poet.types import Key, PyTree

NOBODY = np.uint32(0xFFFFFFFF)  # both words of the id of a parent that there is not


class Entries(NamedTuple):
    """Things that were evaluated, or elites taken out of an archive; leaves are stacked.

    Attributes:
      payload: what an elite is: an agent, a genome, a pair of both; any pytree of arrays [B, ...].
      fitness: bigger is better; f32[B, M] where an archive keeps trade-offs between M > 1 objectives (`pareto`).
      descriptor: what it is like, coordinates of the archive.
      id: (iteration, number), unique within a run; it travels with an elite and decides ties: the smaller one wins.
      parents: ids of up to two parents, `NOBODY` where there is none.
      emitter: number of the emitter that made it, -1 where none did.
      valid: False for rows that only fill up the shape: they are never stored, and not counted.
    """

    payload: PyTree
    fitness: Float[Array, "B"] | Float[Array, "B M"]
    descriptor: Float[Array, "B D"]
    id: UInt32[Array, "B 2"]
    parents: UInt32[Array, "B 2 2"]
    emitter: Int[Array, "B"]
    valid: Bool[Array, "B"]


class Counts(NamedTuple):
    """What became of a batch, i32[] each; seen is the sum of added, improved, beaten, not_finite and outside."""

    seen: Int[Array, ""]
    added: Int[Array, ""]  # stored in a place that was free
    improved: Int[Array, ""]  # stored in place of a worse one
    beaten: Int[Array, ""]  # sound, but not stored
    not_finite: Int[Array, ""]  # rejected: fitness or descriptor is NaN or infinite
    outside: Int[Array, ""]  # descriptor out of bounds and rejected
    clipped: Int[Array, ""]  # descriptor out of bounds and moved to the bound; also counted above as what it became


class AddInfo(NamedTuple):
    """What `add` tells of each entry of a batch, in the batch's order, against the archive before the batch came.

    Attributes:
      status: 2 if its place was free, 1 if it beats what stood there (the threshold, under the soft rule), else 0.
      improvement: by how much, also where negative; its fitness where the place was free; -inf if it was rejected.
      stored: whether it is in the archive now: of several in one place the best is.
      added: whether it is stored, and in a place that was free.
      cell: i32, where it belongs; -1 if it was rejected or has no cell.
      counts: sums over the batch.
    """

    status: Int[Array, "B"]
    improvement: Float[Array, "B"]
    stored: Bool[Array, "B"]
    added: Bool[Array, "B"]
    cell: Int[Array, "B"]
    counts: Counts


class Archive(NamedTuple):
    """Pure functions; whatever they need besides the state is closed over.

    Attributes:
      init: example of one payload (arrays or `jax.ShapeDtypeStruct`s) -> empty state, a pytree of non-empty arrays.
      add: (state, entries) -> (state, AddInfo). The archive does not depend on the order of the batch.
      sample: (key, state, num) -> `num` elites, uniformly and with replacement; `valid` is False if there is none.
      elites: state -> all R rows; `valid` says which are taken.
      spec: JSON-ready: "kind" and every option, from which `poet.archives.make` builds the archive anew.
    """

    init: Callable[[PyTree], PyTree]
    add: Callable[[PyTree, Entries], tuple[PyTree, AddInfo]]
    sample: Callable[[Key, PyTree, int], Entries]
    elites: Callable[[PyTree], Entries]
    spec: Mapping[str, Any]


def entries(
    payload: PyTree,
    fitness: Float[Array, "B"] | Float[Array, "B M"],
    descriptor: Float[Array, "B D"],
    *,
    iteration: int | Int[Array, ""] = 0,
    parents: UInt32[Array, "B 2 2"] | None = None,
    emitter: Int[Array, "B"] | int = -1,
    valid: Bool[Array, "B"] | None = None,
) -> Entries:
    """A batch from what an evaluation gives: number b of `iteration` is entry b.

    Raises `ShapeError` where batch sizes differ, or something is no array.
    """
    for name, array in (("fitness", fitness), ("descriptor", descriptor)):
        _check_array(name, array)
    if not fitness.ndim:
        raise ShapeError("expected fitness f32[B], a number for each entry; got a single one: a batch may be of one")
    size = fitness.shape[0]
    number = jnp.arange(size, dtype=jnp.uint32)
    made = Entries(
        payload,
        fitness,
        descriptor,
        jnp.stack([jnp.full(size, iteration, jnp.uint32), number], axis=1),
        jnp.full((size, 2, 2), NOBODY) if parents is None else parents,
        jnp.full(size, emitter, jnp.int32) if isinstance(emitter, int) else emitter,
        jnp.ones(size, bool) if valid is None else valid,
    )
    sizes = {np.shape(leaf)[0] if np.ndim(leaf) else None for leaf in jax.tree.leaves(made)}
    if sizes != {size}:
        raise ShapeError(
            f"expected {size} of everything, as of fitness f32[{size}]; got leading axes of {sorted(map(str, sizes))}"
        )
    return made


def check_entries(batch: Entries, example: PyTree, num_descriptors: int, num_objectives: int = 1) -> None:
    """Raises `ShapeError` unless a batch fits the archive: shapes and dtypes, known before anything is traced.

    `example` is the archive's payload with one more leading axis of any size.
    """
    _check_array("fitness", batch.fitness)
    objectives = () if num_objectives == 1 else (num_objectives,)
    size = np.shape(batch.fitness)[:1]
    if not size or np.shape(batch.fitness)[1:] != objectives:
        wanted = ", ".join(["B", *map(str, objectives)])
        each = "one number" if num_objectives == 1 else f"{num_objectives} objectives"
        raise ShapeError(f"expected fitness f32[{wanted}], got shape {np.shape(batch.fitness)}: {each} for each entry")
    fixed = (
        ("fitness", batch.fitness, objectives, jnp.float32),
        ("descriptor", batch.descriptor, (num_descriptors,), jnp.float32),
        ("id", batch.id, (2,), jnp.uint32),
        ("parents", batch.parents, (2, 2), jnp.uint32),
        ("emitter", batch.emitter, (), jnp.int32),
        ("valid", batch.valid, (), jnp.bool_),
    )
    for name, array, shape, dtype in fixed:
        _check(name, array, (*size, *shape), dtype)
    wanted, got = jax.tree.structure(example), jax.tree.structure(batch.payload)
    if wanted != got:
        raise ShapeError(f"expected a payload of structure {wanted}, as this archive was made for; got {got}")
    for (path, leaf), like in zip(jax.tree_util.tree_leaves_with_path(batch.payload), jax.tree.leaves(example)):
        _check(f"payload{jax.tree_util.keystr(path)}", leaf, (*size, *like.shape[1:]), like.dtype)


def _check_array(name: str, array: Any) -> None:
    if not (hasattr(array, "shape") and hasattr(array, "dtype")):
        raise ShapeError(f"expected {name} as an array, got {type(array).__name__}: give jnp.asarray({name}, dtype)")


def _check(name: str, array: Any, shape: tuple[int, ...], dtype: Any) -> None:
    _check_array(name, array)
    if np.shape(array) != shape or array.dtype != dtype:
        raise ShapeError(
            f"expected {name} {np.dtype(dtype).name}{list(shape)}, got {array.dtype}{list(np.shape(array))}: "
            f"give one row for each of the {shape[0]} entries, cast to {np.dtype(dtype).name}"
        )
