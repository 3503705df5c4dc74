"""Operations on several archives, compared with dictionaries of cells."""

import jax
import numpy as np
import pytest

from poet.archives import GridConfig, UnstructuredConfig, stats, table
from poet.archives.base import Entries
from poet.archives.compare import diff, merge
from poet.errors import ConfigError, ShapeError
from tests.archives.by_hand import GRID, rows
from tests.archives.cases import BOUNDS, EXAMPLE, NAMES, archive, assert_equal, batch, take


def filled(name: str, seed: int, iterations: int = 2) -> Entries:
    """Elites of an archive after a few batches; ids are equal for all seeds, and fitness has few levels."""
    made = archive(name)
    state = made.init(EXAMPLE)
    for iteration in range(iterations):
        state, _ = made.add(state, batch(seed, iteration=iteration, made=made))
    return jax.device_get(made.elites(state))


def by_cell(spec, elites: Entries) -> dict[int, tuple]:
    """Cell -> (fitness, id, payload)."""
    columns = table.columns(spec, elites)
    return {
        int(cell): (float(fitness), tuple(map(int, number)), float(x))
        for cell, fitness, number, x in zip(columns["cell"], columns["fitness"], columns["id"], columns["n"])
    }


@pytest.mark.few(1)
@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_archives_and_rows_does_not_matter_to_merge(name: str) -> None:
    three = [filled(name, seed) for seed in range(3)]
    state, info = merge(archive(name), *three)
    assert int(info.counts.seen) == sum(int(elites.valid.sum()) for elites in three)
    assert_equal(merge(archive(name), *three, three[1])[0], state)
    shuffled = [take(elites, np.random.default_rng(1).permutation(len(elites.fitness))) for elites in three[::-1]]
    assert_equal(merge(archive(name), *shuffled)[0], state)


def test_merge_keeps_the_best_of_each_cell() -> None:
    spec = archive("grid").spec
    parts = [by_cell(spec, filled("grid", seed)) for seed in range(3)]
    merged = by_cell(spec, archive("grid").elites(merge(archive("grid"), *(filled("grid", s) for s in range(3)))[0]))
    assert set(merged) == set().union(*parts)
    for cell, (fitness, number, _) in merged.items():
        candidates = [part[cell] for part in parts if cell in part]
        assert merged[cell] in candidates
        assert fitness == max(elite[0] for elite in candidates)
        assert number == min(elite[1] for elite in candidates if elite[0] == fitness)


def test_merge_breaks_ties_between_different_elites_with_one_id() -> None:
    one = take(batch(0), [3])
    other = one._replace(payload={"x": one.payload["x"] + 1, "n": one.payload["n"]})
    state, info = merge(archive("grid"), one, other)
    assert int(info.counts.seen) == 2
    assert_equal(state, merge(archive("grid"), other, one)[0])


def test_merge_of_one_archive_or_of_empty_archives() -> None:
    elites = filled("grid", 0)
    assert_equal(archive("grid").elites(merge(archive("grid"), elites)[0]), elites)
    nothing = elites._replace(valid=np.zeros_like(elites.valid))
    state, info = merge(archive("grid"), nothing, nothing)
    assert not archive("grid").elites(state).valid.any()
    assert int(info.counts.seen) == 0


def test_merge_of_different_payloads_or_descriptors_raises() -> None:
    with pytest.raises(ShapeError, match="payloads and extra fields have the same structure"):
        merge(archive("grid"), filled("grid", 0), rows({1: 1.0}))
    wide = filled("grid", 0)
    wide = wide._replace(payload={**wide.payload, "x": np.zeros((15, 4), np.float32)})
    with pytest.raises(ShapeError, match="payloads and extra fields have the same structure"):
        merge(archive("grid"), filled("grid", 0), wide)
    flat = filled("grid", 0)
    with pytest.raises(ShapeError, match=r"descriptor float32\[\d+, 2\]"):
        merge(archive("grid"), flat._replace(descriptor=flat.descriptor[:, :1]))


@pytest.mark.few(1)
@pytest.mark.parametrize("shape", [[1, 1], [2, 4], [40, 30]], ids=str)
def test_a_merge_stores_the_best_elite_of_each_new_cell(shape: list[int]) -> None:
    elites = filled("grid", 4)
    made = GridConfig(shape=tuple(shape)).make(BOUNDS)
    state, info = merge(made, elites)
    found = by_cell(made.spec, made.elites(state))
    low, high = np.array(BOUNDS).T
    wanted: dict[int, tuple] = {}
    for row in np.flatnonzero(elites.valid):
        place = np.minimum((elites.descriptor[row] - low) / (high - low) * shape, np.array(shape) - 1).astype(int)
        cell = int(np.ravel_multi_index(tuple(place), tuple(shape)))
        rank = (elites.fitness[row], *(-elites.id[row].astype(int)))
        wanted[cell] = max(wanted.get(cell, rank), rank)
    assert {cell: (f, *(-np.array(number))) for cell, (f, number, _) in found.items()} == wanted
    assert int(info.counts.added) == len(wanted)


def test_a_merge_into_narrower_bounds_counts_elites_outside() -> None:
    elites = filled("grid", 0)
    narrow = GridConfig(shape=(2, 2), out_of_bounds="reject").make([[-0.5, 0.5], [0, 4]])
    _, info = merge(narrow, elites)
    outside = elites.valid & (abs(elites.descriptor[:, 0]) > 0.5)
    assert int(info.counts.out_of_bounds) == outside.sum() > 0


def test_payloads_of_another_dtype_are_refused() -> None:
    elites = filled("grid", 0)
    other = elites._replace(payload={**elites.payload, "n": elites.payload["n"].astype(np.float32)})
    with pytest.raises(ShapeError, match="same structure, shapes and dtypes .* float32, int32"):
        merge(archive("grid"), elites, other)


def test_a_table_becomes_an_archive_again() -> None:
    elites = filled("grid", 0)
    columns = table.columns(archive("grid").spec, elites)
    assert_equal(table.rows_from_columns(archive("grid").spec, columns, EXAMPLE), elites)
    assert_equal(
        archive("grid").elites(merge(archive("grid"), table.entries_from_columns(columns, EXAMPLE))[0]), elites
    )


def test_diff_of_elites_written_by_hand() -> None:
    a = rows({0: 1.0, 1: 5.0, 2: 2.0, 3: 0.1, 9: 7.0})
    b = rows({1: 4.0, 2: 2.0, 3: 0.2, 4: 1.0, 5: 1.0}, seed=1)
    for found in (diff(GRID, a, b), diff(GRID, table.columns(GRID, a), jax.device_put(b))):
        assert [part.tolist() for part in found[:-1]] == [[0, 9], [4, 5], [1], [3], [2]]
        scores = [float(stats.summary(GRID, each).qd_score) for each in (a, b)]
        assert found.qd_score_difference == pytest.approx(scores[0] - scores[1])
    assert diff(GRID, a, a).qd_score_difference == 0
    assert [len(part) for part in diff(GRID, a, a)[:-1]] == [0, 0, 0, 0, 5]
    assert diff(GRID, b, a).better_a.tolist() == [3]


def test_diff_of_archives_without_cells_raises() -> None:
    with pytest.raises(ConfigError, match="merge"):
        diff(UnstructuredConfig(capacity=20).spec(BOUNDS), rows({}), rows({}))
