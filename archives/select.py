"""Selection: who is drawn from an archive as a parent, with what probability.

A selection gives every elite a weight. `with_selection` makes an archive of any kind draw by these weights, and keep
the counters that the selection reads. Counters are extra fields of the elites, so they are part of the archive's state,
of checkpoints and of tables, and move with an elite to another archive:

- "chosen": how often evaluated solutions name the elite as a parent,
- "chosen_since_new": the same, since one of them was last stored in the archive,
- "seen": evaluated solutions that fell into the cell of the elite, whether or not they were stored.

These are the counters of Go-Explore (Ecoffet et al. 2021, arXiv 2004.12919), there of cells. They start at 0 with every
new elite, as there in Atari games, since a better way to a cell makes it worth exploring again.

Axes: R rows, B batch, C cells, N entries.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.archives.base import AddInfo, Archive, Entries
from poet.archives.layout import NO_PARENT, geometry, num_cells, num_rows, total
from poet.archives.selections import COUNTERS, Counter
from poet.errors import ConfigError, ContractError
from poet.types import Key, PyTree


class Weights(Protocol):
    """How likely elites are drawn."""

    def __call__(self, elites: Entries, /) -> Float[Array, "R"]:
        """Of all rows of an archive, finite and at least 0. Those of rows that are not valid are ignored.

        Traced once, within the search. Where all weights are 0, all elites are equally likely.
        """
        ...


class Selection(NamedTuple):
    """Who is drawn from an archive.

    Attributes:
      weights: all rows -> weights f32[R]; None leaves the archive's own distribution, which is uniform.
      counters: those of `COUNTERS` that `weights` reads in `elites.extra`, i32[R] each.
    """

    weights: Weights | None = None
    counters: tuple[str, ...] = ()


def weighted(score: str, weight: Literal["rank", "softmax", "proportional"], temperature: float) -> Selection:
    """Elites with a larger score are more likely; see `WeightedConfig`.

    >>> from poet.archives import GridConfig, compare, entries
    >>> archive = GridConfig(shape=(2,)).make([(0, 1)])
    >>> batch = entries(jnp.zeros((2, 3)), jnp.array([5.0, 9.0]), jnp.array([[0.1], [0.9]]))
    >>> state, info = compare.merge(archive, batch)
    >>> weighted("fitness", "rank", 1.0).weights(archive.elites(state)).tolist()
    [0.5, 1.0]
    """

    def weights(elites: Entries, /) -> Float[Array, "R"]:
        values = _score(elites, score)
        best = jnp.where(elites.valid.any(), jnp.where(elites.valid, values, -jnp.inf).max(), 0.0)
        if weight == "rank":
            return _rank(jnp.where(elites.valid, values, -jnp.inf)) ** (-1 / temperature)
        if weight == "softmax":
            return jnp.exp((jnp.minimum(values, best) - best) / temperature)
        worst = jnp.where(elites.valid, values, jnp.inf).min()
        return jnp.maximum(values - worst, 0.0) / jnp.where(best > worst, best - worst, 1.0)

    return Selection(weights)


def least_chosen(counter: Counter, power: float) -> Selection:
    """Elites with a smaller counter are more likely; see `LeastChosenConfig`.

    >>> least_chosen("seen", 0.5).counters
    ('seen',)
    """

    def weights(elites: Entries, /) -> Float[Array, "R"]:
        count = 1.0 + elites.extra[counter]
        return 1.0 / jnp.sqrt(count) if power == 0.5 else count**-power

    return Selection(weights, (counter,))


def with_selection(archive: Archive, selection: Selection) -> Archive:
    """The archive, from which elites are drawn by the weights of a selection.

    `add` counts the parents and the cells of the entries. Entries that have the counters already are elites of another
    archive with this selection: they are stored with their counters, and count for nothing.

    Raises `ContractError` for counters that do not exist, and `ConfigError` for an archive that cannot count.

    >>> from poet.archives import GridConfig, entries
    >>> archive = with_selection(GridConfig(shape=(2,)).make([(0, 1)]), least_chosen("chosen", 1.0))
    >>> state = archive.init(jnp.zeros(3))
    >>> state, info = jax.jit(archive.add)(state, entries(jnp.zeros((2, 3)), jnp.ones(2), jnp.array([[0.1], [0.9]])))
    >>> parents = archive.elites(state).id[jnp.array([0, 0])]
    >>> children = entries(jnp.zeros((2, 3)), jnp.zeros(2), jnp.array([[0.1], [0.9]]), generation=1)
    >>> children = children._replace(parents=children.parents.at[:, 0].set(parents))
    >>> state, info = jax.jit(archive.add)(state, children)
    >>> archive.elites(state).extra["chosen"].tolist()
    [2, 0]
    """
    if selection.weights is None:
        return archive
    weights, counters = selection.weights, selection.counters
    _check_counters(archive, counters)

    def init(example: PyTree, extra: Mapping[str, Any] = {}, /) -> Any:
        return archive.init(example, {**extra, **dict.fromkeys(counters, jax.ShapeDtypeStruct((), jnp.int32))})

    def add(state: Any, entries: Entries, /) -> tuple[Any, AddInfo]:
        if not counters or entries.extra.keys() & set(counters):
            return archive.add(state, entries)
        zeros = jnp.zeros(np.shape(entries.fitness)[:1], jnp.int32)
        state, info = archive.add(state, entries._replace(extra={**entries.extra, **dict.fromkeys(counters, zeros)}))
        return _count(archive, state, counters, entries, info), info

    def sample(key: Key, state: Any, num: int, /) -> Entries:
        elites = archive.elites(state)
        row = draw_rows(key, weights(elites), elites.valid, num)
        return jax.tree.map(lambda leaf: leaf[row], elites)

    return archive._replace(init=init, add=add, sample=sample)


def count_only(archive: Archive, selection: Selection, state: Any, entries: Entries) -> Any:
    """The state of an archive with this selection after entries were counted, none of which it stores.

    For entries that were evaluated and are not offered to the archive: their parents were chosen, their cells seen.

    >>> from poet.archives import GridConfig, entries
    >>> selection = least_chosen("seen", 0.5)
    >>> archive = with_selection(GridConfig(shape=(2,)).make([(0, 1)]), selection)
    >>> batch = entries(jnp.zeros((2, 3)), jnp.ones(2), jnp.array([[0.1], [0.2]]))
    >>> state, info = archive.add(archive.init(jnp.zeros(3)), batch)
    >>> better = batch._replace(fitness=2 * batch.fitness, id=batch.id + 1)
    >>> elites = archive.elites(count_only(archive, selection, state, better))
    >>> elites.fitness.tolist(), elites.extra["seen"].tolist()
    ([1.0, -inf], [2, 0])
    """
    if selection.weights is None or not selection.counters:
        return state
    _, info = archive.add(state, entries)
    return _count(archive, state, selection.counters, entries, info._replace(stored=jnp.zeros_like(info.stored)))


def draw_rows(key: Key, weights: Float[Array, "R"], valid: Bool[Array, "R"], num: int) -> Int[Array, "num"]:
    """Indices of valid rows, with replacement and with probabilities proportional to weights; 0 if none is valid.

    >>> draw_rows(jax.random.key(0), jnp.array([0.0, 2.0, 1.0]), jnp.array([True, True, False]), 3).tolist()
    [1, 1, 1]
    """
    weights = jnp.where(valid & (weights > 0), weights, 0.0)
    largest = weights.max()
    weights = jnp.where(largest > 0, weights / jnp.where(largest > 0, largest, 1.0), valid)

    # Several times faster on a CPU than cumsum and cummax. Rounding may let sums decrease.
    cumulative = lax.associative_scan(jnp.maximum, lax.associative_scan(jnp.add, weights))

    def draw() -> Int[Array, "num"]:
        point = jax.random.uniform(key, (num,)) * cumulative[-1]
        row = jnp.searchsorted(cumulative, point, side="right", method="scan_unrolled")
        row = jnp.minimum(row, weights.shape[0] - 1)
        return lax.cond((weights[row] > 0).all(), lambda: row, lambda: before(row))

    def before(row: Int[Array, "num"]) -> Int[Array, "num"]:
        # Rounding may let a sum change at a row of weight 0: take the row of positive weight before it.
        positive = lax.cummax(jnp.where(weights > 0, jnp.arange(weights.shape[0]), -1))[row]
        return jnp.where(positive < 0, jnp.argmax(weights > 0), positive)

    # The branch also keeps XLA from recomputing the draw of a row for every element that is gathered from the row.
    return lax.cond(valid.any(), draw, lambda: jnp.zeros(num, jnp.int32))


def merge_counters(before: Entries, after: Sequence[Entries], merged: Entries) -> dict[str, Array]:
    """The extra fields of a merged archive whose counters hold what all archives counted.

    Args:
      before: all rows of the archive that the archives in `after` were copies of.
      after: all rows of each of them, some time later.
      merged: all rows of an archive with the elites of all of them.

    A counter that an archive has set to 0 meanwhile counts from there.
    """
    names = [name for name in COUNTERS if name in merged.extra]
    extra = dict(merged.extra)
    if not names:
        return extra

    def counters_of(rows: Entries) -> tuple[Array, Array]:
        """Whether each merged elite is in an archive, and its counters there [R, K]."""
        values = jnp.stack([*(rows.extra[name] for name in names), jnp.ones_like(rows.extra[names[0]])], axis=1)
        found = sum_by_id(rows.id, jnp.where(rows.valid[:, None], values, 0), merged.id)
        return found[:, -1:] > 0, found[:, :-1]

    _, base = counters_of(before)
    was_reset, counted = False, jnp.zeros_like(base)
    for rows in after:
        present, values = counters_of(rows)
        reset = present & (values < base)
        counted += jnp.where(present, jnp.where(reset, values, values - base), 0)
        was_reset |= reset
    sums = counted + jnp.where(was_reset, 0, base)
    return extra | {name: jnp.where(merged.valid, sums[:, k], 0) for k, name in enumerate(names)}


def sum_by_id(id: UInt32[Array, "N 2"], values: Int[Array, "N K"], wanted: UInt32[Array, "R 2"]) -> Int[Array, "R K"]:
    """For each wanted id the sum of the values of the entries with that id; 0 if there are none.

    >>> id = jnp.array([[1, 7], [0, 2], [1, 7]], jnp.uint32)
    >>> sum_by_id(id, jnp.array([[1], [10], [100]]), jnp.array([[1, 7], [0, 2], [5, 5]], jnp.uint32)).tolist()
    [[101], [10], [0]]
    """
    size = id.shape[0]
    if not size:
        return jnp.zeros((wanted.shape[0], values.shape[1]), values.dtype)
    order = jnp.lexsort((id[:, 1], id[:, 0]))
    ordered = id[order]
    run = jnp.cumsum(jnp.concatenate([jnp.zeros(1, bool), (ordered[1:] != ordered[:-1]).any(1)]))
    sums = jnp.zeros_like(values).at[run].add(values[order])
    distinct = jnp.full_like(id, NO_PARENT).at[run].set(ordered)

    place, step = jnp.zeros(wanted.shape[0], jnp.int32), 1 << (size.bit_length() - 1)
    while step:  # the number of ids below the wanted one, by bisection
        further = place + step
        below = distinct[jnp.minimum(further, size) - 1]
        smaller = (below[:, 0] < wanted[:, 0]) | ((below[:, 0] == wanted[:, 0]) & (below[:, 1] < wanted[:, 1]))
        place = jnp.where((further <= size) & smaller, further, place)
        step //= 2
    place = jnp.minimum(place, size - 1)
    return jnp.where((distinct[place] == wanted).all(1)[:, None], sums[place], 0)


def _check_counters(archive: Archive, counters: Sequence[str]) -> None:
    if unknown := set(counters) - set(COUNTERS):
        raise ContractError(f"a selection expects counters of {', '.join(COUNTERS)}; got {', '.join(sorted(unknown))}")
    if counters and archive.with_extra is None:
        raise ConfigError(
            f"a selection with counters expects an archive with `with_extra`, in which they are stored; archive "
            f"{archive.spec.get('id')!r} has none: choose another archive or selection"
        )
    if "seen" in counters and geometry(archive.spec) == "points":
        raise ConfigError(
            f"counter 'seen' counts visits of a cell, and archive {archive.spec.get('id')!r} has no cells: "
            "use counter 'chosen', or an archive with cells"
        )


def _count(archive: Archive, state: Any, counters: Sequence[str], batch: Entries, info: AddInfo) -> Any:
    """The state after a batch was added, with its parents and cells counted."""
    elites = archive.elites(state)
    extra = dict(elites.extra)
    if "chosen" in extra or "chosen_since_new" in extra:
        # A missing parent has an id that no elite has.
        made = jnp.stack([batch.valid, info.stored], axis=1).astype(jnp.int32)
        children = sum_by_id(batch.parents.reshape(-1, 2), jnp.repeat(made, 2, axis=0), elites.id)
        num_made, num_stored = jnp.where(elites.valid[:, None], children, 0).T
        if "chosen" in counters:
            extra["chosen"] += num_made
        if "chosen_since_new" in counters:
            extra["chosen_since_new"] = jnp.where(num_stored > 0, 0, extra["chosen_since_new"] + num_made)
    if "seen" in counters:
        cells, rows = num_cells(archive.spec), num_rows(archive.spec)
        per_cell = rows // cells
        cell = jnp.where(info.cell < 0, cells, info.cell)
        visits = jnp.repeat(jnp.zeros(cells, jnp.int32).at[cell].add(1, mode="drop"), per_cell)
        row = per_cell * cell[:, None] + jnp.arange(per_cell)
        own = info.stored[:, None] & (elites.id[jnp.minimum(row, rows - 1)] == batch.id[:, None]).all(2)
        is_new = jnp.zeros(rows, bool).at[jnp.where(own, row, rows)].set(True, mode="drop")
        extra["seen"] = jnp.where(is_new | ~elites.valid, 0, extra["seen"] + visits)
    return archive.with_extra(state, extra)  # pyright: ignore[reportOptionalCall]


def _score(elites: Entries, name: str) -> Float[Array, "R"]:
    if name == "fitness":
        return total(elites.fitness)
    if name not in elites.extra or elites.extra[name].ndim != 1:
        known = ", ".join(["fitness", *(each for each, value in elites.extra.items() if value.ndim == 1)])
        raise ConfigError(f"selection weighted: score expects one of {known}; got {name!r}")
    return elites.extra[name].astype(jnp.float32)


def _rank(values: Float[Array, "R"]) -> Float[Array, "R"]:
    """The rank of each value from the largest, 1; equal values have the best rank among them."""
    not_larger = jnp.searchsorted(jnp.sort(values), values, side="right", method="scan_unrolled")
    return (len(values) - not_larger + 1).astype(jnp.float32)
