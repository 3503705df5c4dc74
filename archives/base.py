"""The interface of archives, and the batches that they store.

An archive keeps elites: the best entries found, distinguished by descriptor. It is a tuple of pure functions over a
state that is allocated at full capacity and never grows, so that batches of one shape compile once.

Axes: B batch, R rows (places for elites), C cells, D descriptor, M objectives.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Integer, Shaped, UInt32

from poet.archives.layout import NO_PARENT as NO_PARENT
from poet.errors import ConfigError, ShapeError
from poet.typed_config import check_value
from poet.types import Key, PyTree, is_integer

StateT = TypeVar("StateT")
StateT_co = TypeVar("StateT_co", covariant=True)
StateT_contra = TypeVar("StateT_contra", contravariant=True)


class Entries(NamedTuple):
    """Evaluated solutions, or elites of an archive; leaves are stacked.

    Attributes:
      payload: what is stored, as an agent, a genome or a pair of both: any pytree of arrays [B, ...].
      fitness: larger is better; f32[B, M] in archives for M > 1 objectives (`pareto`).
      descriptor: coordinates in the space that the archive divides; D may be 0 in a `buffer`.
      id: (generation, number in it), unique within a run. It is stored with an elite and breaks ties: the smaller wins.
      parents: ids of up to two parents, `NO_PARENT` for a missing one.
      emitter: number of the emitter that made the entry, -1 for none.
      valid: False for rows that only pad the shape; they are neither stored nor counted.
      extra: more facts about each entry by name, as the length of an episode: any arrays [B, ...]. They are stored with
        an elite, may decide between equally fit entries, and are columns in tables.
    """

    payload: PyTree
    fitness: Float[Array, "B"] | Float[Array, "B M"]
    descriptor: Float[Array, "B D"]
    id: UInt32[Array, "B 2"]
    parents: UInt32[Array, "B 2 2"]
    emitter: Int[Array, "B"]
    valid: Bool[Array, "B"]
    extra: Mapping[str, Shaped[Array, "B ..."]] = {}


class Counts(NamedTuple):
    """What happened to a batch, i32[] each: seen = added + improved + rejected + not_finite + out_of_bounds."""

    seen: Int[Array, ""]
    added: Int[Array, ""]  # stored in a free place
    improved: Int[Array, ""]  # stored in place of a worse elite
    rejected: Int[Array, ""]  # could be stored, but its place is taken by a better elite, or others are too close
    not_finite: Int[Array, ""]  # fitness or descriptor is NaN or infinite
    out_of_bounds: Int[Array, ""]  # descriptor out of bounds, in an archive that rejects such entries
    clipped: Int[Array, ""]  # descriptor out of bounds and moved to the bounds; counted above as well


class AddInfo(NamedTuple):
    """What happened to each entry of a batch, in the order of the batch, compared with the archive before the batch.

    Attributes:
      status: 0 unless the entry exceeds the elite in its place, or the acceptance threshold where there is one; then 2
        if the place was free, else 1.
      improvement: fitness minus that of the elite (0 for a free place), or minus the acceptance threshold where there
        is one; may be negative; -inf for an entry that is not finite, rejected as out of bounds, or padding.
      stored: whether the entry is in the archive now. Of several entries for one place the best is stored.
      added: whether the entry is stored in a place that was free.
      cell: i32, the cell of the entry; -1 where improvement is -inf, or the archive has no cells.
      counts: sums over the batch.
    """

    status: Int[Array, "B"]
    improvement: Float[Array, "B"]
    stored: Bool[Array, "B"]
    added: Bool[Array, "B"]
    cell: Int[Array, "B"]
    counts: Counts


class Init(Protocol[StateT_co]):
    """Allocate an empty archive."""

    def __call__(self, example: PyTree, extra: Mapping[str, Any] = {}, /) -> StateT_co:
        """From examples of one payload and of its extra fields (arrays or `jax.ShapeDtypeStruct`s).

        The state is a pytree of non-empty arrays. Raises `ConfigError` for extra fields that do not suit the archive.
        """
        ...


class Add(Protocol[StateT]):
    """Add a batch to the archive."""

    def __call__(self, state: StateT, entries: Entries, /) -> tuple[StateT, AddInfo]:
        """The next state, which does not depend on the order of the batch, and what happened to each entry."""
        ...


class Sample(Protocol[StateT_contra]):
    """Draw elites with replacement, uniformly unless the archive documents another distribution."""

    def __call__(self, key: Key, state: StateT_contra, num: int, /) -> Entries:
        """`num` elites; `valid` is False everywhere if the archive is empty."""
        ...


class Elites(Protocol[StateT_contra]):
    """Read the archive."""

    def __call__(self, state: StateT_contra, /) -> Entries:
        """All R rows; `valid` is True for the occupied ones."""
        ...


class WithExtra(Protocol[StateT]):
    """Write extra fields of elites."""

    def __call__(self, state: StateT, extra: Mapping[str, Array], /) -> StateT:
        """The state with other values in its extra fields: arrays [R, ...] in the order of the rows of `elites`."""
        ...


class Archive(NamedTuple, Generic[StateT]):
    """Pure functions; all they need besides the state is closed over.

    Attributes:
      init: (example of one payload, examples of its extra fields) -> empty state.
      add: (state, entries) -> (state, AddInfo).
      sample: (key, state, num) -> `num` elites.
      elites: state -> all R rows.
      spec: JSON-ready, with "id", "bounds", "layout" and every option (`poet.archives.layout`);
        `poet.archives.make(spec)` makes the same archive again.
      with_extra: (state, extra) -> state; selections that count need it (`poet.archives.select`). None in an archive
        that does not offer it.
    """

    init: Init[StateT]
    add: Add[StateT]
    sample: Sample[StateT]
    elites: Elites[StateT]
    spec: Mapping[str, Any]
    with_extra: WithExtra[StateT] | None = None


def with_checked_states(
    archive: Archive[StateT], stored_of: Callable[[StateT], tuple[PyTree, Mapping[str, Array]]]
) -> Archive[StateT]:
    """The archive, whose functions raise `ShapeError` for the state of another archive.

    `stored_of` gives the payload and the extra fields of a state, [R, ...].
    """

    def check(state: StateT) -> None:
        try:
            examples = examples_of(stored_of(state))
        except (AttributeError, TypeError):
            found, expected = type(state).__name__, "one that `init` of this archive made"
        else:
            found, expected = (_describe(each) for each in (state, jax.eval_shape(archive.init, *examples)))
        if found != expected:
            raise ShapeError(f"expected a state of this archive, {expected}; got {found}: use the archive that made it")

    def add(state: StateT, entries: Entries, /) -> tuple[StateT, AddInfo]:
        check(state)
        return archive.add(state, entries)

    def sample(key: Key, state: StateT, num: int, /) -> Entries:
        check(state)
        return archive.sample(key, state, num)

    def elites(state: StateT, /) -> Entries:
        check(state)
        return archive.elites(state)

    def with_extra(state: StateT, extra: Mapping[str, Array], /) -> StateT:
        assert archive.with_extra is not None
        check(state)
        return archive.with_extra(state, extra)

    checked = archive._replace(add=add, sample=sample, elites=elites)
    return checked if archive.with_extra is None else checked._replace(with_extra=with_extra)


def examples_of(rows: Any) -> Any:
    """Shape and dtype of one row of each leaf of a tree, for `Archive.init`.

    >>> examples_of({"x": jnp.zeros((4, 3))})
    {'x': ShapeDtypeStruct(shape=(3,), dtype=float32)}
    """
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), rows)


def free_rows(examples: Any, num_rows: int) -> Any:
    """Zeros for each leaf of a tree of examples of one row: [num_rows, ...].

    >>> free_rows({"x": jnp.ones(3)}, 2)["x"].tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return jax.tree.map(lambda leaf: jnp.zeros((num_rows, *jnp.shape(leaf)), jnp.result_type(leaf)), examples)


def check_extra(extra: Mapping[str, Any], tie_break: Sequence[str] = ()) -> dict[str, Any]:
    """Examples of extra fields as a dict, when a state is made.

    Raises `ConfigError` unless the fields named in `tie_break` are there, one number each.
    """
    for name in tie_break:
        if name not in extra:
            raise ConfigError(
                f"archive.tie_break expects names of extra fields of the entries, which are "
                f"{', '.join(extra) or 'none'}; got {name!r}: give init(example, extra) an example of it"
            )
        if jnp.shape(extra[name]) or not jnp.issubdtype(jnp.result_type(extra[name]), np.number):
            raise ConfigError(f"archive.tie_break expects fields of one number for each entry; {name!r} is another")
    return dict(extra)


def _describe(state: Any) -> str:
    leaves = (f"{np.dtype(leaf.dtype).name}{list(leaf.shape)}" for leaf in jax.tree.leaves(state))
    return f"{type(state).__name__}({', '.join(leaves)})"


def entries(
    payload: PyTree,
    fitness: Float[Array, "B"] | Float[Array, "B M"],
    descriptor: Float[Array, "B D"] | None = None,
    *,
    generation: int | np.integer | Integer[Array, ""] = 0,
    parents: UInt32[Array, "B 2 2"] | None = None,
    emitter: Int[Array, "B"] | int = -1,
    valid: Bool[Array, "B"] | None = None,
    extra: Mapping[str, Array] = {},
) -> Entries:
    """A batch of evaluated solutions; entry b has the id (`generation`, b).

    Ids are unique within a run: pass another `generation` with each batch. What is masked is taken as NaN. Entries of
    an archive without descriptors (`buffer`) have none.
    Raises `ShapeError` where batch sizes differ, or fitness or descriptor is not an array.

    >>> batch = entries(jnp.zeros((2, 10)), jnp.array([1.0, 3.0]), jnp.array([[0.1, 0.2], [0.5, 0.9]]), generation=4)
    >>> batch.id.tolist()
    [[4, 0], [4, 1]]
    """
    if isinstance(fitness, np.ma.MaskedArray):
        fitness = jnp.asarray(nan_where_missing(fitness))
    if isinstance(descriptor, np.ma.MaskedArray):
        descriptor = jnp.asarray(nan_where_missing(descriptor))
    if descriptor is None:
        descriptor = jnp.zeros((*np.shape(fitness)[:1], 0), jnp.float32)
    for name, array in (("fitness", fitness), ("descriptor", descriptor)):
        _check_array(name, array)
    extra = check_value("extra", Mapping, extra)
    for name, value in (("generation", generation), ("emitter", emitter)):
        if not is_integer(value):
            raise ShapeError(f"expected {name} as an integer or an array of integers, got {value!r:.200}")
    if np.ndim(generation):
        raise ShapeError(f"expected one generation for all entries, got {generation!r:.200}")
    if not fitness.ndim:
        raise ShapeError("expected fitness f32[B], one number per entry; got a single number: pass an array of size 1")
    size = fitness.shape[0]
    number = jnp.arange(size, dtype=jnp.uint32)
    batch = Entries(
        payload,
        fitness,
        descriptor,
        jnp.stack([jnp.full(size, generation, jnp.uint32), number], axis=1),
        jnp.full((size, 2, 2), NO_PARENT) if parents is None else parents,
        jnp.full(size, emitter, jnp.int32) if isinstance(emitter, int) else emitter,
        jnp.ones(size, bool) if valid is None else valid,
        dict(extra),
    )
    sizes = {np.shape(leaf)[0] if np.ndim(leaf) else None for leaf in jax.tree.leaves(batch)}
    if sizes != {size}:
        raise ShapeError(
            f"expected a leading axis of size {size} everywhere, as in fitness f32[{size}]; "
            f"got sizes {sorted(map(str, sizes))}"
        )
    return batch


def check_entries(
    batch: Entries,
    example: PyTree,
    num_descriptors: int,
    num_objectives: int = 1,
    extra: Mapping[str, Array] = {},
) -> None:
    """Raises `ShapeError` unless a batch fits the archive in shapes and dtypes; works on traced arrays.

    `example` and `extra` are payload and extra fields of the archive with one more leading axis, of any size.
    """
    _check_array("fitness", batch.fitness)
    objectives = () if num_objectives == 1 else (num_objectives,)
    size = np.shape(batch.fitness)[:1]
    if not size or np.shape(batch.fitness)[1:] != objectives:
        expected = ", ".join(["B", *map(str, objectives)])
        numbers = "one number" if num_objectives == 1 else f"{num_objectives} objectives"
        raise ShapeError(
            f"expected fitness f32[{expected}], got shape {np.shape(batch.fitness)}: {numbers} for each entry"
        )
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
    expected, found = jax.tree.structure(example), jax.tree.structure(batch.payload)
    if expected != found:
        raise ShapeError(
            f"expected a payload with the structure of the example that `init` received, {expected}; got {found}"
        )
    for (path, leaf), like in zip(jax.tree_util.tree_leaves_with_path(batch.payload), jax.tree.leaves(example)):
        _check(f"payload{jax.tree_util.keystr(path)}", leaf, (*size, *like.shape[1:]), like.dtype)
    if batch.extra.keys() != extra.keys():
        raise ShapeError(
            f"expected the extra fields that `init` received, {', '.join(sorted(extra)) or 'none'}; "
            f"got {', '.join(sorted(batch.extra)) or 'none'}: pass them as `extra` of the entries"
        )
    for name, like in extra.items():
        _check(name, batch.extra[name], (*size, *like.shape[1:]), like.dtype)


def nan_where_missing(values: Any) -> np.ndarray:
    """Scores as an array in which NaN stands for None and for what is masked.

    Raises `ShapeError` for what is not an array of numbers.

    >>> nan_where_missing([1.0, None])
    array([ 1., nan])
    """
    try:
        array = np.asanyarray(values)
        if array.dtype == object:
            array = array.astype(float)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"expected numbers, None or NaN where there is none; got {values!r:.200}: {error}") from error
    if isinstance(array, np.ma.MaskedArray):
        return np.ma.filled(array.astype(np.result_type(array.dtype, np.float32)), np.nan)
    return array


def _check_array(name: str, array: Any) -> None:
    if isinstance(array, np.ma.MaskedArray):
        raise ShapeError(f"expected {name} without a mask: pass {name}.filled(nan), or make the batch with `entries`")
    if not (hasattr(array, "shape") and hasattr(array, "dtype")):
        raise ShapeError(f"expected {name} as an array, got {type(array).__name__}: pass jnp.asarray({name}, dtype)")


def _check(name: str, array: Any, shape: tuple[int, ...], dtype: Any) -> None:
    _check_array(name, array)
    if np.shape(array) != shape or array.dtype != dtype:
        raise ShapeError(
            f"expected {name} {np.dtype(dtype).name}{list(shape)}, got {array.dtype}{list(np.shape(array))}: "
            f"pass one row for each of the {shape[0]} entries, cast to {np.dtype(dtype).name}"
        )
