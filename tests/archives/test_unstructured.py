"""The unstructured archive against one written naively, on a lattice where distances are exact and often equal."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives.base import Archive, Entries, entries
from poet.archives.unstructured import State, k_nearest, novelty, unstructured
from poet.errors import ConfigError
from tests.archives.cases import compiled

BOUNDS = [(0.0, 8.0), (0.0, 8.0)]
CAPACITY, SIZE = 6, 8
MADE = unstructured(CAPACITY, BOUNDS, threshold=1.5)
ADD = jax.jit(MADE.add)


def lattice(seed: int, iteration: int, wide: bool, levels: int) -> Entries:
    rng = np.random.default_rng([seed, iteration])
    place = rng.integers(0, 17 if wide else 7, (SIZE, 2)) / 2
    number = np.stack([np.full(SIZE, iteration), rng.permutation(SIZE)], 1).astype(np.uint32)
    made = entries(
        number.astype(np.float32), rng.integers(0, levels, SIZE).astype(np.float32), place.astype(np.float32)
    )
    return jax.device_get(made._replace(id=jnp.asarray(number)))


class Naive:
    """Rows (place, fitness, id), looked through from the start every time."""

    def __init__(self) -> None:
        self.rows: list[tuple] = []

    def judge(self, entry: tuple) -> int | None:
        """The row that it may have."""
        distances = sorted((squared(row[0], entry[0]), r) for r, row in enumerate(self.rows))
        reach = 1.5**2
        full = len(self.rows) == CAPACITY
        leaves = len(self.rows)
        if full:
            pairs = [
                (squared(a[0], b[0]), i, j) for i, a in enumerate(self.rows) for j, b in enumerate(self.rows) if i != j
            ]
            closest, i, j = min(pairs)
            reach = max(reach, closest)
            leaves = min(i, j, key=lambda row: rank(self.rows[row]))
        within = [row for distance, row in distances if distance <= reach]
        if not within:
            return leaves
        if len(within) == 1 and rank(entry) > rank(self.rows[within[0]]):
            return within[0]
        return None

    def add(self, batch: Entries) -> None:
        hopeful = [entry for entry in offers(batch) if self.judge(entry) is not None]
        for entry in sorted(hopeful, key=rank, reverse=True):
            row = self.judge(entry)
            if row is not None:
                self.rows[row : row + 1] = [entry]


def offers(batch: Entries) -> list[tuple]:
    each = zip(batch.descriptor, batch.fitness, batch.id)
    return [(tuple(map(float, place)), float(fitness), tuple(map(int, id))) for place, fitness, id in each]


def squared(a: tuple, b: tuple) -> float:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2


def rank(entry: tuple) -> tuple:
    return entry[1], -entry[2][0], -entry[2][1]


def rows_of(state: State) -> list[tuple]:
    elites = jax.device_get(MADE.elites(state))
    taken = np.flatnonzero(elites.valid)
    assert taken.tolist() == list(range(len(taken)))
    np.testing.assert_array_equal(elites.payload[taken], elites.id[taken])
    return [
        (tuple(map(float, elites.descriptor[r])), float(elites.fitness[r]), tuple(map(int, elites.id[r])))
        for r in taken
    ]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), wide=st.booleans(), levels=st.sampled_from([1, 3, 100]))
def test_as_written_naively(seed: int, wide: bool, levels: int) -> None:
    state, naive = MADE.init(jnp.zeros(2)), Naive()
    for iteration in range(6):
        batch = lattice(seed, iteration, wide, levels)
        state, _ = ADD(state, batch)
        naive.add(batch)
        assert rows_of(state) == naive.rows


@functools.cache
def spaced(threshold: float) -> Archive:
    return compiled(unstructured(12, BOUNDS, threshold=threshold))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), threshold=st.sampled_from([0.0, 1.0]))
def test_elites_keep_their_distance_and_a_full_archive_spreads(seed: int, threshold: float) -> None:
    made = spaced(threshold)
    state = made.init(jnp.zeros(1))
    closest, best, count = 0.0, -np.inf, 0
    for iteration in range(5):
        rng = np.random.default_rng([seed, iteration])
        fitness = rng.normal(size=20).astype(np.float32)
        place = rng.uniform(0, 8, (20, 2)).astype(np.float32)
        state, info = made.add(state, entries(np.zeros((20, 1), np.float32), fitness, place, iteration=iteration))
        elites = jax.device_get(made.elites(state))
        taken = elites.descriptor[elites.valid].astype(np.float64)
        apart = np.linalg.norm(taken[:, None] - taken, axis=2) + np.where(np.eye(len(taken)), np.inf, 0)
        near = np.sqrt(np.asarray(state.near)[: len(taken)])
        np.testing.assert_allclose(near, apart.min(1), rtol=1e-5)
        np.testing.assert_allclose(apart[np.arange(len(taken)), state.mate[: len(taken)]], apart.min(1), rtol=1e-5)
        assert apart.min() > threshold
        if len(taken) == 12 and count == 12:
            assert apart.min() >= closest * (1 - 1e-6)
        assert len(taken) == count + int(info.counts.added)
        assert elites.fitness.max() >= best
        closest, best, count = apart.min(), elites.fitness.max(), len(taken)


def offered(*things: tuple[float, float, float], iteration: int = 0) -> Entries:
    """(fitness, x, y) each, padded to the size that is compiled already."""
    table = np.array([*things, *[(0, 0, 0)] * (SIZE - len(things))], np.float32)
    number = np.arange(SIZE)
    named = np.stack([np.full(SIZE, iteration), number], 1).astype(np.float32)
    return entries(named, table[:, 0], table[:, 1:], iteration=iteration, valid=jnp.asarray(number < len(things)))


def test_what_is_told_of_each_entry() -> None:
    state = MADE.init(jnp.zeros(2))
    state, info = ADD(state, offered((1, 1, 1), (2, 1.5, 1), (3, 7, 7)))
    assert info.status.tolist() == [2, 2, 2, *[0] * 5], "as the archive was, all have room"
    assert info.stored.tolist() == [False, True, True, *[False] * 5]
    assert info.improvement.tolist() == [1, 2, 3, *[-np.inf] * 5]
    state, info = ADD(state, offered((2.5, 1, 1), (0, 1, 1), (2, 1.5, 1), (-1, 4, 4), iteration=1))
    assert info.status[:4].tolist() == [1, 0, 0, 2]
    assert info.stored[:4].tolist() == [True, False, False, True]
    assert info.improvement[:4].tolist() == [0.5, -2, 0, -1]
    assert [int(part) for part in info.counts[:4]] == [4, 1, 1, 2]
    state, info = ADD(state, offered((5, 7, 1), (5, 1, 7), (5, 7, 4), iteration=2))
    assert rows_of(state)[0] == ((7, 7), 3, (0, 2))
    # It is full now: (7, 4) is 3 away from three others, of which (7, 7) came first and is less fit than it.
    state, info = ADD(state, offered((9, 5.5, 5.5), (-4, 0.5, 4), (9, 1, 4), iteration=3))
    assert info.status[:3].tolist() == [0, 1, 0], "those between others, and as near as the closest two, are refused"
    assert info.improvement[:2].tolist() == [6, -7]
    assert rows_of(state)[0] == ((0.5, 4), -4, (3, 1))
    assert info.cell.tolist() == [-1] * SIZE


def test_a_record_between_two_elites_is_refused() -> None:
    state, _ = ADD(MADE.init(jnp.zeros(2)), offered((0, 1, 1), (0, 3, 1)))
    kept, info = ADD(state, offered((9, 2, 1), iteration=1))
    assert not info.stored.any()
    jax.tree.map(np.testing.assert_array_equal, kept, state)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 30), k=st.sampled_from([1, 2, 7]), dimensions=st.integers(1, 2))
def test_nearest_few_are_those_of_a_sort(seed: int, count: int, k: int, dimensions: int) -> None:
    rng = np.random.default_rng(seed)
    points, places = rng.integers(0, 4, (5, dimensions)), rng.integers(0, 4, (30, dimensions))
    apart = np.square(points[:, None] - places[:count]).sum(-1)
    near, row = jax.jit(k_nearest, static_argnums=3)(
        jnp.asarray(points, jnp.float32), jnp.asarray(places.T, jnp.float32), jnp.int32(count), k
    )
    wanted = np.sort(np.pad(apart.astype(float), ((0, 0), (0, k)), constant_values=np.inf), axis=1)[:, :k]
    np.testing.assert_array_equal(near.T, wanted)
    np.testing.assert_array_equal(row, apart.argmin(1) if count else np.zeros(5))


def test_novelty_is_the_mean_distance_to_the_nearest() -> None:
    state = MADE.init(jnp.zeros(2))
    here = jnp.array([[0.0, 0.0], [3.0, 4.0]])
    measure = jax.jit(novelty, static_argnums=2)
    assert measure(state, here, 2).tolist() == [np.inf, np.inf]
    state, _ = ADD(state, offered((0, 3, 4), (0, 0, 1)))
    np.testing.assert_allclose(measure(state, here, 1), [1.0, 0.0])
    np.testing.assert_allclose(measure(state, here, 2), [3.0, np.sqrt(18) / 2], rtol=1e-6)
    np.testing.assert_allclose(measure(state, here, 9), [3.0, np.sqrt(18) / 2], rtol=1e-6)


def test_memory_does_not_hold_batch_times_capacity() -> None:
    made = unstructured(3000, BOUNDS, threshold=0.01)
    batch = jax.eval_shape(lambda: entries(jnp.zeros((2000, 1)), jnp.zeros(2000), jnp.zeros((2000, 2))))
    state = jax.eval_shape(lambda: made.init(jnp.zeros(1)))
    for lowered in (jax.jit(made.add).lower(state, batch), jax.jit(novelty).lower(state, batch.descriptor)):
        assert lowered.compile().memory_analysis().temp_size_in_bytes < 2000 * 3000 / 4


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"capacity": 1, "threshold": 0.1}, "capacity expects at least 2"),
        ({"capacity": 9, "threshold": -0.1}, "threshold expects"),
        ({"capacity": 9, "threshold": float("nan")}, "threshold expects"),
        ({"capacity": 9, "threshold": float("inf")}, "threshold expects"),
        ({"capacity": 9, "threshold": 0.1, "bounds": [(0, 0)]}, "low below its high"),
        ({"capacity": 9, "threshold": 0.1, "out_of_bounds": "ignore"}, "'clip' or 'reject'"),
    ],
)
def test_impossible_options(options: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        unstructured(**{"bounds": BOUNDS, **options})
