"""The grid and its acceptance thresholds compared with naive implementations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives.base import entries
from poet.archives.grid import grid
from poet.archives.store import sample_rows
from poet.archives.thresholds import ThresholdRule
from poet.errors import ConfigError
from tests.archives.cases import EXAMPLE, archive, batch, compiled


def naive(batches, shape, bounds):
    """Cell -> (fitness, id), one entry at a time."""
    cells: dict[int, tuple] = {}
    for given_ in batches:
        for b in range(len(given_.fitness)):
            cell = 0
            for value, cells_, (low, high) in zip(np.asarray(given_.descriptor[b]), shape, bounds):
                cell = cell * cells_ + min(int((value - low) / (high - low) * cells_), cells_ - 1)
            offer = (float(given_.fitness[b]), tuple(-int(part) for part in given_.id[b]))
            cells[cell] = max(cells.get(cell, offer), offer)
    return cells


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), levels=st.integers(1, 6))
def test_equals_one_entry_at_a_time(seed: int, levels: int) -> None:
    made = archive("grid")
    state, batches = made.init(EXAMPLE), []
    for iteration in range(3):
        batches.append(batch(seed, iteration=iteration, levels=levels))
        state, _ = made.add(state, batches[-1])
    elites = jax.tree.map(np.asarray, made.elites(state))
    found = {
        int(c): (float(elites.fitness[c]), tuple(-int(part) for part in elites.id[c]))
        for c in np.flatnonzero(elites.valid)
    }
    assert found == naive(batches, (5, 3), [(-1, 1), (0, 4)])


def test_of_equal_fitness_the_smaller_id_is_stored_even_if_it_arrives_later() -> None:
    made = compiled(grid((1,), ((0, 1),)))
    newer = entries(jnp.zeros((1, 2)), jnp.ones(1), jnp.zeros((1, 1)), generation=5)
    older = entries(jnp.ones((1, 2)), jnp.ones(1), jnp.zeros((1, 1)), generation=2)
    one, _ = made.add(made.add(made.init(jnp.zeros(2)), newer)[0], older)
    two, _ = made.add(made.add(made.init(jnp.zeros(2)), older)[0], newer)
    assert int(made.elites(one).id[0, 0]) == int(made.elites(two).id[0, 0]) == 2


def test_status_and_improvement_compare_with_the_archive_before_the_batch() -> None:
    made = compiled(grid((2,), ((0, 1),)))
    descriptor = jnp.array([[0.1], [0.1], [0.9]])
    first = entries(jnp.zeros((3, 1)), jnp.array([3.0, 5.0, 1.0]), descriptor)
    state, info = made.add(made.init(jnp.zeros(1)), first)
    assert info.status.tolist() == [2, 2, 2]
    assert info.stored.tolist() == [False, True, True]
    assert info.improvement.tolist() == [3.0, 5.0, 1.0]
    _, info = made.add(state, entries(jnp.zeros((3, 1)), jnp.array([5.0, 7.5, 0.0]), descriptor, generation=1))
    assert info.status.tolist() == [0, 1, 0]
    assert info.improvement.tolist() == [0.0, 2.5, -1.0]
    assert info.cell.tolist() == [0, 0, 1]


def test_descriptors_out_of_bounds_are_clipped_or_rejected_and_counted() -> None:
    far = jnp.array([[1e12, 0.5], [-1e30, 9.0], [0.0, 2.0]])
    given_ = entries({"x": jnp.zeros((3, 3)), "n": jnp.zeros(3, jnp.int32)}, jnp.ones(3), far)
    _, clipped = archive("grid").add(archive("grid").init(EXAMPLE), given_)
    _, rejected = archive("grid-reject").add(archive("grid-reject").init(EXAMPLE), given_)
    assert (int(clipped.counts.clipped), int(clipped.counts.added)) == (2, 3)
    assert clipped.cell.tolist() == [12, 2, 7]
    assert (int(rejected.counts.out_of_bounds), int(rejected.counts.added)) == (2, 1)
    assert rejected.cell.tolist() == [-1, -1, 7]


def test_thresholds_follow_accepted_entries() -> None:
    """Computed by hand with the batch rule of CMA-MAE: t <- m + (1 - rate)^k (t - m)."""
    made = compiled(grid((1,), ((0, 1),), thresholds=ThresholdRule(0.0, 0.5)))
    state = made.init(jnp.zeros(1))

    def offer(state, *fitness):
        count = len(fitness)
        return made.add(state, entries(jnp.zeros((count, 1)), jnp.array(fitness), jnp.zeros((count, 1))))

    state, info = offer(state, 4.0, 8.0, -1.0)
    assert float(state.threshold[0]) == 6.0 + 0.25 * (0.0 - 6.0)
    assert info.status.tolist() == [2, 2, 0]
    state, info = offer(state, 5.0, 2.0)
    assert info.status.tolist() == [1, 0]
    assert info.improvement.tolist() == [0.5, -2.5]
    assert float(state.threshold[0]) == 4.75
    assert float(made.elites(state).fitness[0]) == 8.0, "the elite is still the best entry"


@pytest.mark.few(2)
@pytest.mark.parametrize("num_rows", [1, 31, 32, 33, 1000])
def test_sampling_is_uniform_over_occupied_rows(num_rows: int) -> None:
    occupied = np.random.default_rng(num_rows).uniform(size=num_rows) < 0.4
    occupied[-1] = True
    words = np.zeros(-(-num_rows // 32), np.uint32)
    set_bits = np.flatnonzero(occupied)
    np.bitwise_or.at(words, set_bits // 32, np.uint32(1) << (set_bits % 32).astype(np.uint32))
    rows = np.asarray(sample_rows(jax.random.key(0), jnp.asarray(words), 200 * occupied.sum()))
    counts = np.bincount(rows, minlength=num_rows)
    assert (counts[~occupied] == 0).all()
    squares = ((counts[occupied] - 200) ** 2 / 200).sum()
    assert squares < occupied.sum() + 5 * np.sqrt(2 * occupied.sum()) + 5, "chi-squared statistic of a uniform draw"


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (5,), "bounds": ((0, 1), (0, 1))},
        {"shape": (5, 0), "bounds": ((0, 1), (0, 1))},
        {"shape": (5,), "bounds": ((1, 1),)},
        {"shape": (5,), "bounds": ((0, float("nan")),)},
        {"shape": (5,), "bounds": ((0, 1),), "out_of_bounds": "ignore"},
        {"shape": (50_000, 50_000), "bounds": ((0, 1), (0, 1))},
        {"shape": (5,), "bounds": ((0, 1),), "thresholds": ThresholdRule(0.0, 1.5)},
        {"shape": (5,), "bounds": ((0, 1),), "thresholds": ThresholdRule(-np.inf, 0.1)},
    ],
)
def test_impossible_options_raise(options: dict) -> None:
    with pytest.raises(ConfigError, match="expects|more than"):
        grid(**options)
