"""Elites that keep their distance, without cells: for descriptors of unknown reach, or learnt ones.

The rule is that of Cully and Demiris (2018, arXiv 1708.09251) and AURORA (Cully 2019, arXiv 1905.11874), with a bound:
what lies farther than the threshold from every elite is stored; what lies within it of one elite takes its place if it
is fitter; what lies within it of several is refused, however fit, since elites would come closer than the threshold.
An archive that is full acts as if its threshold had grown to the distance between its two closest elites: what lies
farther than that from everyone takes the place of the less fit of the two. AURORA raises its threshold to the same end.

So elites never come closer than the threshold, those of a full archive only ever spread, their number never falls,
nor does the best fitness.

The order of a batch does not matter: everything is judged by the archive as it was, then what is left once more, one
after the other, by what the archive has become; the fitter first, of equals that of smaller id.
That costs B x R distances, and R for each entry that passes, of which there are few once an archive has filled.

Axes: B batch, R rows, D descriptor, K neighbours.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.archives import store
from poet.archives.base import AddInfo, Archive, Counts, Entries, check_entries
from poet.archives.bounds import OutOfBounds, check_bounds, sift
from poet.archives.store import Store
from poet.errors import ConfigError
from poet.types import Key, PyTree


class State(NamedTuple):
    """R rows, the first ones taken.

    Attributes:
      store: the elites.
      near: f32[R], squared distance of each elite to the nearest other; infinity where there is none.
      mate: i32[R], the row of that other, of several as near the lowest.
    """

    store: Store
    near: Float[Array, "R"]
    mate: Int[Array, "R"]


class _Elites(NamedTuple):
    """What decides who is stored, as it changes while a batch goes in."""

    places: Float[Array, "D R"]  # descriptors, infinity where a row is free
    fitness: Float[Array, "R"]
    id: UInt32[Array, "R 2"]
    near: Float[Array, "R"]
    mate: Int[Array, "R"]
    num: Int[Array, ""]


class _Verdict(NamedTuple):
    """Where entries would go, in the shape of what was asked about."""

    accepted: Bool[Array, "..."]
    apart: Bool[Array, "..."]  # farther than the threshold from every elite
    row: Int[Array, "..."]  # whose place it takes, or that it does not come up to


def unstructured(
    capacity: int, bounds: Sequence[Sequence[float]], *, threshold: float, out_of_bounds: OutOfBounds = "clip"
) -> Archive:
    """An archive of up to `capacity` elites, all of them farther apart than `threshold`.

    Args:
      capacity: R, the most elites it holds.
      bounds: (low, high) of each of the D coordinates; they may be far.
      threshold: a Euclidean distance in the descriptor's own units.
      out_of_bounds: move descriptors beyond the bounds to them, or reject their entries; counted either way.

    An entry that takes a place in a full archive by its distance has status 1; its improvement is measured against the
    elite that leaves, and may be negative. There are no cells, so `AddInfo.cell` is -1.

    Raises `ConfigError` for a capacity below 2, or a threshold or bounds that cannot be.
    """
    low, high = check_bounds(bounds, out_of_bounds)
    if capacity < 2:
        raise ConfigError(f"unstructured.capacity expects at least 2, got {capacity}")
    if not 0 <= threshold < float("inf"):
        raise ConfigError(f"unstructured.threshold expects a distance, finite and at least 0, got {threshold}")

    def init(example: PyTree) -> State:
        far = jnp.full(capacity, jnp.inf, jnp.float32)
        return State(store.empty(example, capacity, len(low)), far, jnp.zeros(capacity, jnp.int32))

    def add(state: State, entries: Entries) -> tuple[State, AddInfo]:
        check_entries(entries, state.store.payload, len(low))
        batch, counts = sift(entries, low, high, out_of_bounds)
        before = _elites(state)
        near, row = k_nearest(batch.descriptor, before.places, before.num, 2)
        verdict = _judge(before, near, row, batch.fitness, batch.id, threshold)
        hopeful = batch.valid & verdict.accepted
        after, at, owner = _one_by_one(before, batch, hopeful, threshold)
        stored = hopeful & (at < capacity) & (owner[at] == jnp.arange(at.shape[0]))

        free = verdict.apart & (before.num < capacity)
        bar = jnp.where(free, 0.0, before.fitness[verdict.row])
        beats = hopeful & (free | verdict.apart | (batch.fitness > bar))
        new = stored & (at >= before.num)
        none = jnp.int32(0)
        info = AddInfo(
            status=jnp.where(beats, jnp.where(free, 2, 1), 0),
            improvement=jnp.where(batch.valid, batch.fitness - bar, -jnp.inf),
            stored=stored,
            added=new,
            cell=jnp.full(at.shape, -1),
            counts=Counts(
                none, jnp.sum(new), jnp.sum(stored & ~new), jnp.sum(batch.valid & ~stored), none, none, none
            )._replace(**counts),
        )
        kept = store.write(state.store, batch, jnp.where(stored, at, capacity))
        return State(kept, after.near, after.mate), info

    def sample(key: Key, state: State, num: int) -> Entries:
        return store.sample(key, state.store, num)

    spec = {
        "kind": "unstructured",
        "capacity": capacity,
        "bounds": [[float(l), float(h)] for l, h in zip(low, high)],
        "threshold": threshold,
        "out_of_bounds": out_of_bounds,
    }
    return Archive(init, add, sample, lambda state: store.rows(state.store), spec)


def novelty(state: State, descriptors: Float[Array, "B D"], k: int = 15) -> Float[Array, "B"]:
    """Mean distance of each descriptor to the `k` nearest elites: to all if they are fewer, infinity if there is none.

    The measure of novelty search (Lehman and Stanley 2011). An elite asked about counts as a neighbour of itself.
    It looks at one elite at a time and keeps K numbers for each descriptor, in a fraction of the time of a sort.
    """
    elites = _elites(state)
    near, _ = k_nearest(descriptors, elites.places, elites.num, k)
    known = jnp.minimum(elites.num, k)
    distance = jnp.where(jnp.arange(k)[:, None] < known, jnp.sqrt(near), 0.0)
    return jnp.where(known > 0, distance.sum(0) / jnp.maximum(known, 1), jnp.inf)


def k_nearest(
    points: Float[Array, "B D"], places: Float[Array, "D R"], count: Int[Array, ""], k: int
) -> tuple[Float[Array, "K B"], Int[Array, "B"]]:
    """Squared distances to the `k` nearest of the first `count` places, rising, and the row of the nearest.

    Of several as near it is the lowest row; distances are infinite and the row is 0 where there are no more.
    """

    def look_at(row: Int[Array, ""], carry: tuple[Array, Array]) -> tuple[Array, Array]:
        near, at = carry
        distance = sum(jnp.square(points[:, d] - places[d, row]) for d in range(points.shape[1]))
        below = jnp.concatenate([jnp.full_like(near[:1], -jnp.inf), near[:-1]])
        return jnp.minimum(near, jnp.maximum(below, distance)), jnp.where(distance < near[0], row, at)

    none = jnp.full((k, points.shape[0]), jnp.inf), jnp.zeros(points.shape[0], jnp.int32)
    return lax.fori_loop(0, count, look_at, none)


def _elites(state: State) -> _Elites:
    rows = store.rows(state.store)
    places = jnp.where(rows.valid, rows.descriptor.T, jnp.inf)
    return _Elites(places, rows.fitness, rows.id, state.near, state.mate, jnp.sum(rows.valid))


def _judge(
    elites: _Elites, near: Array, row: Array, fitness: Array, id: UInt32[Array, "... 2"], threshold: float
) -> _Verdict:
    """What becomes of entries, given their squared distances to the nearest two elites and the row of the nearest."""
    full = elites.num == elites.fitness.shape[0]
    closest = _first_least(elites.near)
    partner = elites.mate[closest]
    leaves = jnp.where(_fitter(elites, closest, elites.fitness[partner], elites.id[partner]), partner, closest)
    reach = jnp.where(full, jnp.maximum(elites.near[closest], threshold**2), threshold**2)
    apart, crowded = near[0] > reach, near[1] <= reach
    wins = apart | (~crowded & ~_fitter(elites, row, fitness, id))
    return _Verdict(wins, apart, jnp.where(apart, jnp.where(full, leaves, elites.num), row))


def _fitter(elites: _Elites, row: Array, fitness: Array, id: UInt32[Array, "... 2"]) -> Bool[Array, "..."]:
    """Whether the elite of a row is fitter than something; of equals the smaller id is."""
    mine, other = elites.id[row], id
    smaller = (mine[..., 0] < other[..., 0]) | ((mine[..., 0] == other[..., 0]) & (mine[..., 1] <= other[..., 1]))
    return (elites.fitness[row] > fitness) | ((elites.fitness[row] == fitness) & smaller)


def _one_by_one(
    elites: _Elites, batch: Entries, hopeful: Bool[Array, "B"], threshold: float
) -> tuple[_Elites, Int[Array, "B"], Int[Array, "R"]]:
    """Who of the hopeful gets in, in their canonical order: the row that each was put in, R where none, and who is in
    each row last, -1 for whoever was there before.
    """
    capacity, size = elites.fitness.shape[0], hopeful.shape[0]
    order = jnp.lexsort((batch.id[:, 1], batch.id[:, 0], jnp.where(hopeful, -batch.fitness, jnp.inf)))

    if not size:
        return elites, order, jnp.full(capacity, -1)

    def next_one(carry: tuple) -> tuple:
        i, elites, at, owner = carry
        b = order[i]
        squared = _squared(elites, batch.descriptor[b])
        first = _first_least(squared)
        near = jnp.stack([squared[first], squared.at[first].set(jnp.inf).min()])
        verdict = _judge(elites, near, first, batch.fitness[b], batch.id[b], threshold)
        row = jnp.where(verdict.accepted, verdict.row, capacity)
        elites = lax.cond(verdict.accepted, _settle, lambda elites, *_: elites, elites, batch, b, row, squared)
        return i + 1, elites, at.at[b].set(row), owner.at[row].set(b, mode="drop")

    start = jnp.int32(0), elites, jnp.full(size, capacity), jnp.full(capacity, -1)
    return lax.while_loop(lambda carry: carry[0] < jnp.sum(hopeful), next_one, start)[1:]


def _settle(elites: _Elites, batch: Entries, b: Array, row: Array, squared: Float[Array, "R"]) -> _Elites:
    """Entry b in the place of whatever is in a row; `squared` are its distances."""
    squared = squared.at[row].set(jnp.inf)
    closer = (squared < elites.near) | ((squared == elites.near) & (row < elites.mate))
    # Whoever loses its nearest here and finds nobody nearer has to look around.
    lonely = (elites.mate == row) & ~closer & (elites.near < jnp.inf)
    elites = _Elites(
        elites.places.at[:, row].set(batch.descriptor[b]),
        elites.fitness.at[row].set(batch.fitness[b]),
        elites.id.at[row].set(batch.id[b]),
        jnp.where(closer, squared, elites.near).at[row].set(squared.min()),
        jnp.where(closer, row, elites.mate).at[row].set(_first_least(squared)),
        jnp.maximum(elites.num, row + 1),
    )
    lonely = lonely.at[row].set(False)

    def look_around(carry: tuple) -> tuple:
        elites, lonely = carry
        who = jnp.where(lonely, jnp.arange(lonely.shape[0]), lonely.shape[0]).min()
        squared = _squared(elites, elites.places[:, who]).at[who].set(jnp.inf)
        near, mate = elites.near.at[who].set(squared.min()), elites.mate.at[who].set(_first_least(squared))
        return elites._replace(near=near, mate=mate), lonely.at[who].set(False)

    return lax.while_loop(lambda carry: carry[1].any(), look_around, (elites, lonely))[0]


def _squared(elites: _Elites, point: Float[Array, "D"]) -> Float[Array, "R"]:
    return sum(jnp.square(axis - x) for axis, x in zip(elites.places, point))  # pyright: ignore[reportReturnType]


def _first_least(values: Float[Array, "R"]) -> Int[Array, ""]:
    """`argmin`, which on CPUs takes several times as long."""
    rows = jnp.arange(values.shape[0])
    return jnp.where(values == values.min(), rows, values.shape[0]).min()
