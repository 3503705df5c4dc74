"""Elites with a minimum distance between them and without cells, for descriptors that are learnt or whose reachable
range is unknown.

The rule is that of Cully and Demiris (2018, arXiv 1708.09251) and AURORA (Cully 2019, arXiv 1905.11874), with a fixed
capacity. An entry farther than the minimum distance from every elite is added. An entry within that distance of exactly
one elite replaces it if it is fitter. An entry within that distance of several elites is rejected whatever its fitness:
if it replaced one of them, it would be too close to the others.

A full archive acts as if the minimum were the distance between its two closest elites: an entry farther than that from
every elite replaces the less fit of the two. AURORA raises its minimum distance for the same purpose.

Elites are therefore never closer than the minimum distance, and the smallest distance in a full archive never
decreases, nor do the number of elites and the best fitness.

The order of a batch does not matter. All entries are first compared with the archive before the batch. Those that pass
are then inserted one after another and compared with the archive at that moment; the fittest first, and of equally fit
ones the smaller id first. This costs B x R distances, and R distances for each entry that passes; few entries pass once
an archive is full.

Axes: B batch, R rows, D descriptor, K neighbours.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.archives import store
from poet.archives.base import AddInfo, Archive, Counts, Entries, check_entries, check_extra, with_checked_states
from poet.archives.bounds import check_bounds, validate_batch
from poet.archives.config import OutOfBounds
from poet.archives.layout import layout
from poet.archives.store import Store
from poet.errors import ConfigError
from poet.typed_config import check_value
from poet.types import Key, PyTree


class UnstructuredState(NamedTuple):
    """R rows, of which the first ones are occupied.

    Attributes:
      store: the elites.
      nearest_squared: f32[R], squared distance of each elite to the nearest other one; infinity if there is none.
      nearest_row: i32[R], the row of that elite; the lowest row if several are equally near.
    """

    store: Store
    nearest_squared: Float[Array, "R"]
    nearest_row: Int[Array, "R"]


class _Elites(NamedTuple):
    """The elites without payloads, updated while the entries of a batch are inserted."""

    positions: Float[Array, "D R"]  # descriptors; infinity in a free row
    fitness: Float[Array, "R"]
    id: UInt32[Array, "R 2"]
    nearest_squared: Float[Array, "R"]
    nearest_row: Int[Array, "R"]
    num_elites: Int[Array, ""]


class _Decision(NamedTuple):
    """Whether entries are accepted, and their rows; of any shape."""

    accepted: Bool[Array, "..."]
    isolated: Bool[Array, "..."]  # farther than the minimum distance from every elite
    row: Int[Array, "..."]  # the free row, or the row of the elite that the entry competes with


def unstructured(
    capacity: int, bounds: Sequence[Sequence[float]], *, min_distance: float, out_of_bounds: OutOfBounds = "clip"
) -> Archive[UnstructuredState]:
    """An archive of up to `capacity` elites, all farther apart than `min_distance`.

    Args:
      capacity: R, the maximum number of elites.
      bounds: (low, high) of each of the D coordinates; they may be wide.
      min_distance: a Euclidean distance in the units of the descriptor.
      out_of_bounds: move descriptors outside the bounds to the bounds, or reject their entries; counted in both cases.

    An entry that is stored in a full archive because it is far from all elites has status 1. Its improvement is
    measured against the elite that it replaces and may be negative. `AddInfo.cell` is -1, since there are no cells.

    Raises `ConfigError` for a capacity below 2, and for an impossible distance or impossible bounds.

    >>> import jax
    >>> from poet.archives import entries
    >>> archive = unstructured(10, [(0, 1)], min_distance=0.2)
    >>> batch = entries(jnp.zeros((3, 10)), jnp.array([1.0, 2.0, 3.0]), jnp.array([[0.1], [0.2], [0.9]]))
    >>> state, info = jax.jit(archive.add)(archive.init(jnp.zeros(10)), batch)
    >>> info.stored.tolist()
    [False, True, True]
    """
    low, high = check_bounds(bounds, out_of_bounds)
    capacity = check_value("unstructured: capacity", int, capacity)
    min_distance = check_value("unstructured: min_distance", float, min_distance)
    if capacity < 2:
        raise ConfigError(f"unstructured.capacity expects at least 2, got {capacity}")
    if min_distance < 0:
        raise ConfigError(f"archive.min_distance expects a distance, finite and at least 0, got {min_distance}")

    def init(example: PyTree, extra: Mapping[str, Any] = {}, /) -> UnstructuredState:
        infinity = jnp.full(capacity, jnp.inf, jnp.float32)
        rows = store.empty(example, capacity, len(low), check_extra(extra))
        return UnstructuredState(rows, infinity, jnp.zeros(capacity, jnp.int32))

    def add(state: UnstructuredState, entries: Entries, /) -> tuple[UnstructuredState, AddInfo]:
        check_entries(entries, state.store.payload, len(low), extra=state.store.extra)
        batch, counts = validate_batch(entries, low, high, out_of_bounds)
        before = _elites(state)
        squared, row = k_nearest(batch.descriptor, before.positions, before.num_elites, 2)
        decision = _decide(before, squared, row, batch.fitness, batch.id, min_distance)
        candidate = batch.valid & decision.accepted
        after, inserted_row, last_entry = _insert_sequentially(before, batch, candidate, min_distance)
        inserted = candidate & (inserted_row < capacity)
        stored = inserted & (last_entry[inserted_row] == jnp.arange(inserted_row.shape[0]))

        free = decision.isolated & (before.num_elites < capacity)
        reference = jnp.where(free, 0.0, before.fitness[decision.row])
        exceeds = candidate & (free | decision.isolated | (batch.fitness > reference))
        added = stored & (inserted_row >= before.num_elites)
        zero = jnp.int32(0)
        info = AddInfo(
            status=jnp.where(exceeds, jnp.where(free, 2, 1), 0),
            improvement=jnp.where(batch.valid, batch.fitness - reference, -jnp.inf),
            stored=stored,
            added=added,
            cell=jnp.full(inserted_row.shape, -1),
            counts=Counts(
                zero, jnp.sum(added), jnp.sum(stored & ~added), jnp.sum(batch.valid & ~stored), zero, zero, zero
            )._replace(**counts),
        )
        updated = store.overwrite(state.store, batch, jnp.where(stored, inserted_row, capacity))
        return UnstructuredState(updated, after.nearest_squared, after.nearest_row), info

    def sample(key: Key, state: UnstructuredState, num: int, /) -> Entries:
        return store.sample(key, state.store, num)

    def elites(state: UnstructuredState, /) -> Entries:
        return store.as_entries(state.store)

    spec = {
        "id": "unstructured",
        "capacity": capacity,
        "bounds": [[float(l), float(h)] for l, h in zip(low, high)],
        "min_distance": min_distance,
        "out_of_bounds": out_of_bounds,
        "layout": layout(capacity, "points"),
    }

    def with_extra(state: UnstructuredState, extra: Mapping[str, Array], /) -> UnstructuredState:
        return state._replace(store=state.store._replace(extra=dict(extra)))

    archive = Archive(init, add, sample, elites, spec, with_extra)
    return with_checked_states(archive, lambda state: (state.store.payload, state.store.extra))


def novelty(state: UnstructuredState, descriptors: Float[Array, "B D"], k: int = 15) -> Float[Array, "B"]:
    """Mean distance of each descriptor to its `k` nearest elites, or to all if there are fewer; infinity if none.

    The measure of novelty search (Lehman and Stanley 2011). An elite is its own nearest neighbour. Memory is K numbers
    per descriptor, and the search takes a fraction of the time of a sort.

    >>> import jax
    >>> from poet.archives import entries
    >>> archive = unstructured(10, [(0, 1)], min_distance=0.2)
    >>> batch = entries(jnp.zeros((3, 10)), jnp.ones(3), jnp.array([[0.25], [0.5], [1.0]]))
    >>> state, info = jax.jit(archive.add)(archive.init(jnp.zeros(10)), batch)
    >>> jax.jit(novelty, static_argnums=2)(state, jnp.array([[0.0]]), 2).tolist()
    [0.375]
    """
    elites = _elites(state)
    squared, _ = k_nearest(descriptors, elites.positions, elites.num_elites, k)
    found = jnp.minimum(elites.num_elites, k)
    distance = jnp.where(jnp.arange(k)[:, None] < found, jnp.sqrt(squared), 0.0)
    return jnp.where(found > 0, distance.sum(0) / jnp.maximum(found, 1), jnp.inf)


def k_nearest(
    points: Float[Array, "B D"], positions: Float[Array, "D R"], count: Int[Array, ""], k: int
) -> tuple[Float[Array, "K B"], Int[Array, "B"]]:
    """Squared distances to the `k` nearest of the first `count` positions, ascending, and the row of the nearest.

    Of several equally near rows it is the lowest. With fewer than `k` positions the remaining distances are infinite;
    without positions the row is 0.

    >>> squared, row = k_nearest(jnp.array([[0.0]]), jnp.array([[3.0, 2.0, 1.0]]), jnp.int32(2), 1)
    >>> squared.tolist(), row.tolist()
    ([[4.0]], [1])
    """

    def compare(row: Int[Array, ""], carry: tuple[Array, Array]) -> tuple[Array, Array]:
        smallest, nearest = carry
        distance = sum(jnp.square(points[:, d] - positions[d, row]) for d in range(points.shape[1]))
        shifted = jnp.concatenate([jnp.full_like(smallest[:1], -jnp.inf), smallest[:-1]])
        inserted = jnp.minimum(smallest, jnp.maximum(shifted, distance))
        return inserted, jnp.where(distance < smallest[0], row, nearest)

    initial = jnp.full((k, points.shape[0]), jnp.inf), jnp.zeros(points.shape[0], jnp.int32)
    return lax.fori_loop(0, count, compare, initial)


def _elites(state: UnstructuredState) -> _Elites:
    rows = store.as_entries(state.store)
    positions = jnp.where(rows.valid, rows.descriptor.T, jnp.inf)
    return _Elites(positions, rows.fitness, rows.id, state.nearest_squared, state.nearest_row, jnp.sum(rows.valid))


def _decide(
    elites: _Elites, squared: Array, row: Array, fitness: Array, id: UInt32[Array, "... 2"], min_distance: float
) -> _Decision:
    """What happens to entries, from their squared distances to the two nearest elites and the row of the nearest."""
    full = elites.num_elites == elites.fitness.shape[0]
    closest = _argmin(elites.nearest_squared)
    partner = elites.nearest_row[closest]
    closest_is_fitter = _elite_is_fitter(elites, closest, elites.fitness[partner], elites.id[partner])
    replaced = jnp.where(closest_is_fitter, partner, closest)
    limit = jnp.where(full, jnp.maximum(elites.nearest_squared[closest], min_distance**2), min_distance**2)
    isolated, near_several = squared[0] > limit, squared[1] <= limit
    accepted = isolated | (~near_several & ~_elite_is_fitter(elites, row, fitness, id))
    return _Decision(accepted, isolated, jnp.where(isolated, jnp.where(full, replaced, elites.num_elites), row))


def _elite_is_fitter(elites: _Elites, row: Array, fitness: Array, id: UInt32[Array, "... 2"]) -> Bool[Array, "..."]:
    """Whether the elite in a row is fitter than an entry; of equally fit ones the smaller id counts as fitter."""
    elite_id, entry_id = elites.id[row], id
    smaller = (elite_id[..., 0] < entry_id[..., 0]) | (
        (elite_id[..., 0] == entry_id[..., 0]) & (elite_id[..., 1] <= entry_id[..., 1])
    )
    return (elites.fitness[row] > fitness) | ((elites.fitness[row] == fitness) & smaller)


def _insert_sequentially(
    elites: _Elites, batch: Entries, candidate: Bool[Array, "B"], min_distance: float
) -> tuple[_Elites, Int[Array, "B"], Int[Array, "R"]]:
    """Offer the candidates to the archive one after another, the fittest first, of equally fit ones the smaller id.

    Returns the elites, the row in which each entry was put (R for none), and the entry that was last put in each row
    (-1 for none).
    """
    capacity, size = elites.fitness.shape[0], candidate.shape[0]
    order = jnp.lexsort((batch.id[:, 1], batch.id[:, 0], jnp.where(candidate, -batch.fitness, jnp.inf)))

    if not size:
        return elites, order, jnp.full(capacity, -1)

    def insert_next(carry: tuple) -> tuple:
        i, elites, inserted_row, last_entry = carry
        b = order[i]
        distances = _squared_distances(elites, batch.descriptor[b])
        nearest = _argmin(distances)
        two_nearest = jnp.stack([distances[nearest], distances.at[nearest].set(jnp.inf).min()])
        decision = _decide(elites, two_nearest, nearest, batch.fitness[b], batch.id[b], min_distance)
        row = jnp.where(decision.accepted, decision.row, capacity)
        elites = lax.cond(decision.accepted, _put, lambda elites, *_: elites, elites, batch, b, row, distances)
        return i + 1, elites, inserted_row.at[b].set(row), last_entry.at[row].set(b, mode="drop")

    initial = jnp.int32(0), elites, jnp.full(size, capacity), jnp.full(capacity, -1)
    return lax.while_loop(lambda carry: carry[0] < jnp.sum(candidate), insert_next, initial)[1:]


def _put(elites: _Elites, batch: Entries, b: Array, row: Array, distances: Float[Array, "R"]) -> _Elites:
    """Put entry b in a row and update nearest neighbours; `distances` are its squared distances to all elites."""
    distances = distances.at[row].set(jnp.inf)
    closer = (distances < elites.nearest_squared) | ((distances == elites.nearest_squared) & (row < elites.nearest_row))
    # An elite whose nearest neighbour was replaced by an entry farther away needs a search over all elites.
    outdated = (elites.nearest_row == row) & ~closer & (elites.nearest_squared < jnp.inf)
    elites = _Elites(
        elites.positions.at[:, row].set(batch.descriptor[b]),
        elites.fitness.at[row].set(batch.fitness[b]),
        elites.id.at[row].set(batch.id[b]),
        jnp.where(closer, distances, elites.nearest_squared).at[row].set(distances.min()),
        jnp.where(closer, row, elites.nearest_row).at[row].set(_argmin(distances)),
        jnp.maximum(elites.num_elites, row + 1),
    )
    outdated = outdated.at[row].set(False)

    def search_again(carry: tuple) -> tuple:
        elites, outdated = carry
        elite = jnp.where(outdated, jnp.arange(outdated.shape[0]), outdated.shape[0]).min()
        distances = _squared_distances(elites, elites.positions[:, elite]).at[elite].set(jnp.inf)
        nearest_squared = elites.nearest_squared.at[elite].set(distances.min())
        nearest_row = elites.nearest_row.at[elite].set(_argmin(distances))
        elites = elites._replace(nearest_squared=nearest_squared, nearest_row=nearest_row)
        return elites, outdated.at[elite].set(False)

    return lax.while_loop(lambda carry: carry[1].any(), search_again, (elites, outdated))[0]


def _squared_distances(elites: _Elites, point: Float[Array, "D"]) -> Float[Array, "R"]:
    return sum(jnp.square(axis - x) for axis, x in zip(elites.positions, point))  # pyright: ignore[reportReturnType]


def _argmin(values: Float[Array, "R"]) -> Int[Array, ""]:
    """The first minimum; `jnp.argmin` takes several times as long on CPUs."""
    rows = jnp.arange(values.shape[0])
    return jnp.where(values == values.min(), rows, values.shape[0]).min()
