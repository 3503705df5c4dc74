"""The unstructured archive compared with a naive implementation, on a lattice with exact and often equal distances."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives.base import Archive, Entries, entries
from poet.archives.unstructured import UnstructuredState, k_nearest, novelty, unstructured
from poet.errors import ConfigError
from tests.archives.cases import compiled

BOUNDS = [(0.0, 8.0), (0.0, 8.0)]
CAPACITY, SIZE = 6, 8
MADE = unstructured(CAPACITY, BOUNDS, min_distance=1.5)
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
    """Rows (descriptor, fitness, id), all of which are examined for every entry."""

    def __init__(self) -> None:
        self.rows: list[tuple] = []

    def row_for(self, entry: tuple) -> int | None:
        """The row in which an entry is stored; None if it is rejected."""
        distances = sorted((squared(row[0], entry[0]), r) for r, row in enumerate(self.rows))
        limit = 1.5**2
        full = len(self.rows) == CAPACITY
        free_row = len(self.rows)
        if full:
            pairs = [
                (squared(a[0], b[0]), i, j) for i, a in enumerate(self.rows) for j, b in enumerate(self.rows) if i != j
            ]
            closest, i, j = min(pairs)
            limit = max(limit, closest)
            free_row = min(i, j, key=lambda row: rank(self.rows[row]))
        within = [row for distance, row in distances if distance <= limit]
        if not within:
            return free_row
        if len(within) == 1 and rank(entry) > rank(self.rows[within[0]]):
            return within[0]
        return None

    def add(self, batch: Entries) -> None:
        candidates = [entry for entry in offers(batch) if self.row_for(entry) is not None]
        for entry in sorted(candidates, key=rank, reverse=True):
            row = self.row_for(entry)
            if row is not None:
                self.rows[row : row + 1] = [entry]


def offers(batch: Entries) -> list[tuple]:
    columns = zip(batch.descriptor, batch.fitness, batch.id)
    return [(tuple(map(float, x)), float(fitness), tuple(map(int, id))) for x, fitness, id in columns]


def squared(a: tuple, b: tuple) -> float:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2


def rank(entry: tuple) -> tuple:
    return entry[1], -entry[2][0], -entry[2][1]


def rows_of(state: UnstructuredState) -> list[tuple]:
    elites = jax.device_get(MADE.elites(state))
    occupied = np.flatnonzero(elites.valid)
    assert occupied.tolist() == list(range(len(occupied)))
    np.testing.assert_array_equal(elites.payload[occupied], elites.id[occupied])
    return [
        (tuple(map(float, elites.descriptor[r])), float(elites.fitness[r]), tuple(map(int, elites.id[r])))
        for r in occupied
    ]


@pytest.mark.ci
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), wide=st.booleans(), levels=st.sampled_from([1, 3, 100]))
def test_equals_a_naive_implementation(seed: int, wide: bool, levels: int) -> None:
    state, naive = MADE.init(jnp.zeros(2)), Naive()
    for iteration in range(6):
        batch = lattice(seed, iteration, wide, levels)
        state, _ = ADD(state, batch)
        naive.add(batch)
        assert rows_of(state) == naive.rows


@functools.cache
def spaced(threshold: float) -> Archive:
    return compiled(unstructured(12, BOUNDS, min_distance=threshold))


@pytest.mark.ci
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), threshold=st.sampled_from([0.0, 1.0]))
def test_elites_keep_a_minimum_distance_which_never_decreases_once_full(seed: int, threshold: float) -> None:
    made = spaced(threshold)
    state = made.init(jnp.zeros(1))
    closest, best, count = 0.0, -np.inf, 0
    for iteration in range(5):
        rng = np.random.default_rng([seed, iteration])
        fitness = rng.normal(size=20).astype(np.float32)
        place = rng.uniform(0, 8, (20, 2)).astype(np.float32)
        state, info = made.add(state, entries(np.zeros((20, 1), np.float32), fitness, place, generation=iteration))
        elites = jax.device_get(made.elites(state))
        points = elites.descriptor[elites.valid].astype(np.float64)
        distance = np.linalg.norm(points[:, None] - points, axis=2) + np.where(np.eye(len(points)), np.inf, 0)
        nearest = np.sqrt(np.asarray(state.nearest_squared)[: len(points)])
        np.testing.assert_allclose(nearest, distance.min(1), rtol=1e-5)
        nearest = distance[np.arange(len(points)), state.nearest_row[: len(points)]]
        np.testing.assert_allclose(nearest, distance.min(1), rtol=1e-5)
        assert distance.min() > threshold
        if len(points) == 12 and count == 12:
            assert distance.min() >= closest * (1 - 1e-6)
        assert len(points) == count + int(info.counts.added)
        assert elites.fitness.max() >= best
        closest, best, count = distance.min(), elites.fitness.max(), len(points)


def offered(*rows: tuple[float, float, float], iteration: int = 0) -> Entries:
    """Entries from rows (fitness, x, y), padded to the batch size that is already compiled."""
    table = np.array([*rows, *[(0, 0, 0)] * (SIZE - len(rows))], np.float32)
    number = np.arange(SIZE)
    named = np.stack([np.full(SIZE, iteration), number], 1).astype(np.float32)
    return entries(named, table[:, 0], table[:, 1:], generation=iteration, valid=jnp.asarray(number < len(rows)))


@pytest.mark.ci
def test_status_and_improvement_of_each_entry() -> None:
    state = MADE.init(jnp.zeros(2))
    state, info = ADD(state, offered((1, 1, 1), (2, 1.5, 1), (3, 7, 7)))
    assert info.status.tolist() == [2, 2, 2, *[0] * 5], "there is room for each in the archive before the batch"
    assert info.stored.tolist() == [False, True, True, *[False] * 5]
    assert info.improvement.tolist() == [1, 2, 3, *[-np.inf] * 5]
    state, info = ADD(state, offered((2.5, 1, 1), (0, 1, 1), (2, 1.5, 1), (-1, 4, 4), iteration=1))
    assert info.status[:4].tolist() == [1, 0, 0, 2]
    assert info.stored[:4].tolist() == [True, False, False, True]
    assert info.improvement[:4].tolist() == [0.5, -2, 0, -1]
    assert [int(part) for part in info.counts[:4]] == [4, 1, 1, 2]
    state, info = ADD(state, offered((5, 7, 1), (5, 1, 7), (5, 7, 4), iteration=2))
    assert rows_of(state)[0] == ((7, 7), 3, (0, 2))
    # The archive is full now. (7, 4) has distance 3 to three others; of these (7, 7) is the first, and it is less fit.
    state, info = ADD(state, offered((9, 5.5, 5.5), (-4, 0.5, 4), (9, 1, 4), iteration=3))
    assert info.status[:3].tolist() == [0, 1, 0], "an entry near several elites is rejected"
    assert info.improvement[:2].tolist() == [6, -7]
    assert rows_of(state)[0] == ((0.5, 4), -4, (3, 1))
    assert info.cell.tolist() == [-1] * SIZE


def test_an_entry_near_two_elites_is_rejected_whatever_its_fitness() -> None:
    state, _ = ADD(MADE.init(jnp.zeros(2)), offered((0, 1, 1), (0, 3, 1)))
    after, info = ADD(state, offered((9, 2, 1), iteration=1))
    assert not info.stored.any()
    jax.tree.map(np.testing.assert_array_equal, after, state)


@pytest.mark.ci
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 30), k=st.sampled_from([1, 2, 7]), dimensions=st.integers(1, 2))
def test_k_nearest_equals_a_sort(seed: int, count: int, k: int, dimensions: int) -> None:
    rng = np.random.default_rng(seed)
    points, positions = rng.integers(0, 4, (5, dimensions)), rng.integers(0, 4, (30, dimensions))
    squared = np.square(points[:, None] - positions[:count]).sum(-1)
    found, row = jax.jit(k_nearest, static_argnums=3)(
        jnp.asarray(points, jnp.float32), jnp.asarray(positions.T, jnp.float32), jnp.int32(count), k
    )
    expected = np.sort(np.pad(squared.astype(float), ((0, 0), (0, k)), constant_values=np.inf), axis=1)[:, :k]
    np.testing.assert_array_equal(found.T, expected)
    np.testing.assert_array_equal(row, squared.argmin(1) if count else np.zeros(5))


def test_novelty_is_the_mean_distance_to_the_nearest_elites() -> None:
    state = MADE.init(jnp.zeros(2))
    descriptors = jnp.array([[0.0, 0.0], [3.0, 4.0]])
    measure = jax.jit(novelty, static_argnums=2)
    assert measure(state, descriptors, 2).tolist() == [np.inf, np.inf]
    state, _ = ADD(state, offered((0, 3, 4), (0, 0, 1)))
    np.testing.assert_allclose(measure(state, descriptors, 1), [1.0, 0.0])
    np.testing.assert_allclose(measure(state, descriptors, 2), [3.0, np.sqrt(18) / 2], rtol=1e-6)
    np.testing.assert_allclose(measure(state, descriptors, 9), [3.0, np.sqrt(18) / 2], rtol=1e-6)


@pytest.mark.ci
def test_memory_is_far_below_batch_times_capacity() -> None:
    made = unstructured(3000, BOUNDS, min_distance=0.01)
    batch = jax.eval_shape(lambda: entries(jnp.zeros((2000, 1)), jnp.zeros(2000), jnp.zeros((2000, 2))))
    state = jax.eval_shape(lambda: made.init(jnp.zeros(1)))
    for lowered in (jax.jit(made.add).lower(state, batch), jax.jit(novelty).lower(state, batch.descriptor)):
        assert lowered.compile().memory_analysis().temp_size_in_bytes < 2000 * 3000 / 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capacity": 1, "min_distance": 0.1}, "capacity expects at least 2"),
        ({"capacity": 9, "min_distance": -0.1}, "min_distance expects"),
        ({"capacity": 9, "min_distance": float("nan")}, "min_distance expects"),
        ({"capacity": 9, "min_distance": float("inf")}, "min_distance expects"),
        ({"capacity": 9, "min_distance": 0.1, "bounds": [(0, 0)]}, "low below its high"),
        ({"capacity": 9, "min_distance": 0.1, "out_of_bounds": "ignore"}, "'clip' or 'reject'"),
    ],
)
def test_impossible_options_raise(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        unstructured(**{"bounds": BOUNDS, **options})
