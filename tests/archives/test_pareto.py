"""The Pareto archive compared with a naive implementation in exact fractions, on objectives that are often equal."""

import functools
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives import stats, table
from poet.archives.base import Archive, Entries, entries
from poet.archives.compare import diff, merge
from poet.archives.layout import best_of_cells
from poet.archives.pareto import pareto
from poet.errors import ConfigError, ShapeError
from tests.archives.cases import compiled, take

BOUNDS = [(0.0, 3.0)]
CELLS, FRONT, SIZE = 3, 4, 16


@functools.cache
def made_for(objectives: int) -> Archive:
    return compiled(pareto([CELLS], BOUNDS, front_size=FRONT, num_objectives=objectives))


def random_entries(seed: int, iteration: int, objectives: int, levels: int) -> Entries:
    """Entries of which most are in one cell; payloads are ids."""
    rng = np.random.default_rng([seed, iteration])
    number = np.stack([np.full(SIZE, iteration), rng.permutation(SIZE)], 1).astype(np.uint32)
    fitness = rng.integers(-levels, levels, (SIZE, objectives)).astype(np.float32)
    descriptor = rng.choice([0.5, 1.5, 2.5], (SIZE, 1), p=[0.7, 0.2, 0.1]).astype(np.float32)
    return entries(number, fitness, descriptor)._replace(id=number)


def dominates(a: tuple, b: tuple) -> bool:
    if a[0] == b[0]:
        return a[1] <= b[1]
    return all(x >= y for x, y in zip(a[0], b[0]))


def rank(elite: tuple) -> tuple:
    return -sum(elite[0]), elite[1]


def offer(front: list[tuple], entry: tuple) -> list[tuple]:
    """A front of (objectives, id), in descending order of sums, after an entry was offered to it."""
    if any(dominates(elite, entry) for elite in front):
        return front
    front = sorted([*(elite for elite in front if not dominates(entry, elite)), entry], key=rank)
    if len(front) <= FRONT:
        return front
    columns = list(zip(*(elite[0] for elite in front)))
    kept = {0, *(column.index(max(column)) for column in columns)}
    extent = [max(column) - min(column) for column in columns]

    def closest(i: int) -> Fraction:
        return min(
            max(Fraction(abs(x - y), r) for x, y, r in zip(front[i][0], front[j][0], extent) if r)
            for j in range(len(front))
            if j != i
        )

    removed = min(set(range(len(front))) - kept, key=lambda i: (closest(i), -i))
    return front[:removed] + front[removed + 1 :]


def pairs_of(batch: Entries) -> list[tuple]:
    """(objectives, id) of each entry."""
    return [(tuple(map(int, f)), tuple(map(int, i))) for f, i in zip(batch.fitness, batch.id)]


def fronts_of(made: Archive, state: Entries) -> list[list[tuple]]:
    elites = jax.device_get(made.elites(state))
    np.testing.assert_array_equal(elites.payload[elites.valid], elites.id[elites.valid])
    assert (elites.fitness[~elites.valid] == -np.inf).all()
    fronts = [take(elites, range(FRONT * cell, FRONT * (cell + 1))) for cell in range(CELLS)]
    for front in fronts:
        assert not np.diff(front.valid.astype(int)).max() > 0, "occupied rows come first"
    return [pairs_of(take(front, np.flatnonzero(front.valid))) for front in fronts]


@pytest.mark.ci
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), objectives=st.sampled_from([2, 3]), levels=st.sampled_from([1, 3, 20]))
def test_equals_a_naive_implementation(seed: int, objectives: int, levels: int) -> None:
    made = made_for(objectives)
    state, naive = made.init(jnp.zeros(2, jnp.uint32)), [[] for _ in range(CELLS)]
    for iteration in range(4):
        batch = random_entries(seed, iteration, objectives, levels)
        state, info = made.add(state, batch)
        offered, cells = pairs_of(batch), [int(x) for x in batch.descriptor[:, 0]]
        before = [list(front) for front in naive]
        status = [
            0 if any(dominates(elite, entry) for elite in before[cell]) else 1 if before[cell] else 2
            for entry, cell in zip(offered, cells)
        ]
        for b in sorted(range(SIZE), key=lambda b: rank(offered[b])):
            if status[b]:
                naive[cells[b]] = offer(naive[cells[b]], offered[b])
        assert fronts_of(made, state) == naive
        stored = [entry in naive[cell] for entry, cell in zip(offered, cells)]
        references = [sum(before[cell][0][0]) if before[cell] else 0 for cell in cells]
        assert info.cell.tolist() == cells
        assert info.status.tolist() == status
        assert info.stored.tolist() == stored
        assert info.added.tolist() == [is_stored and not before[cell] for is_stored, cell in zip(stored, cells)]
        assert info.improvement.tolist() == [sum(entry[0]) - reference for entry, reference in zip(offered, references)]
        for old, new in zip(before, naive):
            for m in range(objectives if old else 0):
                assert max(elite[0][m] for elite in new) >= max(elite[0][m] for elite in old)


def one_cell(*objectives: tuple[float, float], place: float = 0.5, iteration: int = 0) -> Entries:
    """Entries of one cell with ascending ids, padded to the batch size that is already compiled."""
    padded = np.array([*objectives, *[(0, 0)] * (SIZE - len(objectives))], np.float32)
    number = np.stack([np.full(SIZE, iteration), np.arange(SIZE)], 1).astype(np.uint32)
    batch = entries(number, padded, np.full((SIZE, 1), place, np.float32), valid=np.arange(SIZE) < len(objectives))
    return batch._replace(id=number)


def filled(*batches: Entries) -> Entries:
    made = made_for(2)
    state = made.init(jnp.zeros(2, jnp.uint32))
    for batch in batches:
        state, _ = made.add(state, batch)
    return state


@pytest.mark.ci
def test_the_most_crowded_elite_of_a_full_front_is_removed() -> None:
    # (10, 0) and (0, 10) are best in one objective and (6, 5) in the sum; the others compete by nearest neighbours.
    best = [(6, 5), (10, 0), (0, 10)]
    for old, new, expected in (((3, 7), (8, 2), (3, 7)), ((1, 9), (8, 2), (8, 2)), ((2, 8), (8, 2), (2, 8))):
        state = filled(one_cell((10, 0), (0, 10), (6, 5), old), one_cell(new, iteration=1))
        assert [elite[0] for elite in fronts_of(made_for(2), state)[0]] == [*best, expected]


def test_objectives_whose_difference_overflows() -> None:
    extremes = [(3e38, -3e38), (-3e38, 3e38), (1e30, 0), (0, 1e30)]
    state = filled(one_cell(*extremes), one_cell((1e29, 1e29), iteration=1))
    kept = state.fitness[:FRONT].tolist()
    assert len(kept) == 4
    assert {(e[0] > 2e38, e[1] > 2e38) for e in kept} >= {(True, False), (False, True)}
    assert sum(kept[0]) == max(map(sum, kept)) >= np.float32(1e30)


def test_an_overflowing_sum_counts_as_not_finite() -> None:
    _, info = made_for(2).add(filled(), one_cell((3e38, 3e38), (3e38, -3e38), (1, 1)))
    assert info.stored.tolist() == [False, True, True, *[False] * 13]
    assert int(info.counts.not_finite) == 1


@pytest.mark.ci
def test_cells_are_sampled_uniformly_whatever_the_size_of_their_fronts() -> None:
    state = filled(one_cell((1, 3), (2, 2), (3, 1)), one_cell((5, 5), place=2.5, iteration=1))
    drawn = made_for(2).sample(jax.random.key(0), state, 6000)
    share = {elite: np.mean([(np.asarray(drawn.id) == elite).all(1)]) for elite in [(0, 0), (0, 1), (0, 2), (1, 0)]}
    assert share[1, 0] == pytest.approx(1 / 2, abs=0.03)
    assert [share[0, b] for b in range(3)] == pytest.approx([1 / 6] * 3, abs=0.03)


def test_columns_contain_the_sum_and_the_objectives() -> None:
    made, state = made_for(2), filled(one_cell((1, 3), (2, 2), (3, 2)), one_cell((5, 6), place=2.5, iteration=1))
    elites = jax.device_get(made.elites(state))
    columns = table.columns(made.spec, elites)
    assert columns["fitness"].tolist() == [5, 4, 11]
    assert columns["objectives"].tolist() == [[3, 2], [1, 3], [5, 6]]
    back = table.rows_from_columns(made.spec, columns, jax.ShapeDtypeStruct((2,), jnp.uint32))
    jax.tree.map(np.testing.assert_array_equal, back, elites)
    for form in (state, elites, columns):
        best, filled_cells = best_of_cells(made.spec, form)
        assert best.tolist() == [5, 0, 11]
        assert filled_cells.tolist() == [True, False, True]
        assert float(stats.summary(made.spec, form).qd_score) == 16


def test_hypervolume_of_three_cells() -> None:
    spec = made_for(2).spec
    elites = filled(one_cell((3, 1), (2, 2), (1, 3)), one_cell((-1, 5), (4, 2), place=2.5, iteration=1))
    # 3 x 1 + 2 x 1 + 1 x 1; an elite that exceeds the reference in one objective only adds no area
    assert stats.hypervolume(spec, elites, (0, 0)).tolist() == [6, 0, 8]
    assert stats.hypervolume(spec, table.columns(spec, elites), (1, 1)).tolist() == [1, 0, 3]
    assert stats.hypervolume(spec, elites, (-2, 0)).tolist() == [12, 0, 6 * 2 + 1 * 3]
    assert stats.moqd_score(spec, elites, (0, 0)) == 14
    assert not stats.hypervolume(spec, filled(), (0, 0)).any()
    with pytest.raises(ConfigError, match="2 objectives"):
        stats.moqd_score(spec, elites._replace(fitness=elites.fitness[:, 0]), (0, 0))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_hypervolume_is_the_number_of_dominated_lattice_points(seed: int) -> None:
    state = filled(*(random_entries(seed, iteration, 2, 10) for iteration in range(3)))
    lattice = np.stack(np.meshgrid(np.arange(-12, 12), np.arange(-12, 12)), -1).reshape(-1, 1, 2) + 0.5
    for cell, front in enumerate(fronts_of(made_for(2), state)):
        points = np.array([elite[0] for elite in front]).reshape(-1, 2)
        inside = (lattice < points).all(2).any(1).sum()
        assert stats.hypervolume(made_for(2).spec, state, (-12, -12))[cell] == inside


@pytest.mark.slow
def test_merge_and_diff() -> None:
    made = made_for(2)
    one = made.elites(filled(one_cell((1, 3), (3, 1))))
    two = made.elites(filled(one_cell((2, 2), (3, 2), iteration=1), one_cell((0, 0), place=2.5, iteration=2)))
    both, info = merge(made, one, two)
    assert [[elite[0] for elite in front] for front in fronts_of(made, both)] == [[(3, 2), (1, 3)], [], [(0, 0)]]
    assert int(info.counts.rejected) == 1
    coarse = pareto([1], BOUNDS, front_size=FRONT)
    assert np.asarray(merge(coarse, made.elites(both))[0].valid).tolist() == [True, True, False, False]
    found = diff(made.spec, one, two)
    assert [found.better_b.tolist(), found.only_b.tolist(), found.qd_score] == [[0], [2], -1]


def test_fitness_of_another_shape_raises() -> None:
    batch = one_cell((1, 2))
    for wrong in (batch.fitness[:, 0], batch.fitness[:, :1], np.zeros((SIZE, 3), np.float32), np.float32(0)):
        with pytest.raises(ShapeError, match=r"fitness f32\[B, 2\], got shape .*: 2 objectives for each entry"):
            made_for(2).add(filled(), batch._replace(fitness=wrong))
    with pytest.raises(ShapeError, match=r"fitness float32\[16, 2\], got int32"):
        made_for(2).add(filled(), batch._replace(fitness=batch.fitness.astype(np.int32)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_objectives": 0}, "num_objectives expects at least 1"),
        ({"front_size": 2}, "front_size expects at least 3"),
        ({"front_size": 3, "num_objectives": 3}, "front_size expects at least 4"),
        ({"shape": [2, 2]}, "shape"),
        ({"shape": [2**14] * 2, "bounds": BOUNDS * 2, "front_size": 8}, "rows, more than"),
        ({"bounds": [(0, 0)]}, "low below its high"),
        ({"out_of_bounds": "ignore"}, "'clip' or 'reject'"),
    ],
)
def test_impossible_options_raise(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        pareto(**{"shape": [CELLS], "bounds": BOUNDS, **options})
