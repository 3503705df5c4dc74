"""Archives beside each other, against dictionaries of cells."""

import jax
import numpy as np
import pytest

from poet.archives import make, stats, table
from poet.archives.base import Entries
from poet.archives.compare import diff, merge, resize
from poet.errors import ConfigError, ShapeError
from tests.archives.by_hand import GRID, rows
from tests.archives.cases import EXAMPLE, NAMES, SPECS, archive, batch, take


def filled(name: str, seed: int, iterations: int = 2) -> Entries:
    """Elites of an archive after a few batches; ids of all seeds are the same, levels of fitness are few."""
    made = archive(name)
    state = made.init(EXAMPLE)
    for iteration in range(iterations):
        state, _ = made.add(state, batch(seed, iteration=iteration, made=made))
    return jax.device_get(made.elites(state))


def same(a, b) -> None:
    jax.tree.map(lambda x, y: np.testing.assert_array_equal(np.asarray(x), np.asarray(y)), a, b)


def of_cells(spec, elites: Entries) -> dict[int, tuple]:
    columns = table.columns(spec, elites)
    return {
        int(cell): (float(fitness), tuple(map(int, number)), float(x))
        for cell, fitness, number, x in zip(columns["cell"], columns["fitness"], columns["id"], columns["n"])
    }


@pytest.mark.parametrize("name", NAMES)
def test_merge_does_not_know_an_order(name: str) -> None:
    three = [filled(name, seed) for seed in range(3)]
    state, info = merge(archive(name), *three)
    assert int(info.counts.seen) == sum(int(elites.valid.sum()) for elites in three)
    same(merge(archive(name), *three, three[1])[0], state)
    shuffled = [take(elites, np.random.default_rng(1).permutation(len(elites.fitness))) for elites in three[::-1]]
    same(merge(archive(name), *shuffled)[0], state)


def test_merge_keeps_the_best_of_each_cell() -> None:
    spec = archive("grid").spec
    parts = [of_cells(spec, filled("grid", seed)) for seed in range(3)]
    merged = of_cells(spec, archive("grid").elites(merge(archive("grid"), *(filled("grid", s) for s in range(3)))[0]))
    assert set(merged) == set().union(*parts)
    for cell, (fitness, number, _) in merged.items():
        there = [part[cell] for part in parts if cell in part]
        assert merged[cell] in there
        assert fitness == max(elite[0] for elite in there)
        assert number == min(elite[1] for elite in there if elite[0] == fitness)


def test_merge_decides_even_between_things_of_the_same_id() -> None:
    one = take(batch(0), [3])
    other = one._replace(payload={"x": one.payload["x"] + 1, "n": one.payload["n"]})
    state, info = merge(archive("grid"), one, other)
    assert int(info.counts.seen) == 2
    same(state, merge(archive("grid"), other, one)[0])


def test_merge_of_one_is_itself_and_of_nothing_is_empty() -> None:
    elites = filled("grid", 0)
    same(archive("grid").elites(merge(archive("grid"), elites)[0]), elites)
    nothing = elites._replace(valid=np.zeros_like(elites.valid))
    state, info = merge(archive("grid"), nothing, nothing)
    assert not archive("grid").elites(state).valid.any()
    assert int(info.counts.seen) == 0


def test_merge_refuses_elites_of_another_kind() -> None:
    with pytest.raises(ShapeError, match="same kind of elites"):
        merge(archive("grid"), filled("grid", 0), rows({1: 1.0}))
    wide = filled("grid", 0)
    wide = wide._replace(payload={**wide.payload, "x": np.zeros((15, 4), np.float32)})
    with pytest.raises(ShapeError, match="same kind of elites"):
        merge(archive("grid"), filled("grid", 0), wide)
    flat = filled("grid", 0)
    with pytest.raises(ShapeError, match=r"descriptor float32\[\d+, 2\]"):
        merge(archive("grid"), flat._replace(descriptor=flat.descriptor[:, :1]))


@pytest.mark.parametrize("shape", [[1, 1], [2, 4], [40, 30]], ids=str)
def test_resize_keeps_the_best_of_what_meets_in_a_cell(shape: list[int]) -> None:
    elites = filled("grid", 4)
    made = make({**SPECS["grid"], "shape": shape})
    state, info = resize(made, elites)
    found = of_cells(made.spec, made.elites(state))
    low, high = np.array(SPECS["grid"]["bounds"]).T
    wanted: dict[int, tuple] = {}
    for row in np.flatnonzero(elites.valid):
        place = np.minimum((elites.descriptor[row] - low) / (high - low) * shape, np.array(shape) - 1).astype(int)
        cell = int(np.ravel_multi_index(tuple(place), tuple(shape)))
        rank = (elites.fitness[row], *(-elites.id[row].astype(int)))
        wanted[cell] = max(wanted.get(cell, rank), rank)
    assert {cell: (f, *(-np.array(number))) for cell, (f, number, _) in found.items()} == wanted
    assert int(info.counts.added) == len(wanted)


def test_resize_to_narrower_bounds_counts_what_falls_out() -> None:
    elites = filled("grid", 0)
    narrow = make({"kind": "grid", "shape": [2, 2], "bounds": [[-0.5, 0.5], [0, 4]], "out_of_bounds": "reject"})
    _, info = resize(narrow, elites)
    out = elites.valid & (abs(elites.descriptor[:, 0]) > 0.5)
    assert int(info.counts.outside) == out.sum() > 0


def test_a_table_goes_on_as_an_archive() -> None:
    elites = filled("grid", 0)
    columns = table.columns(archive("grid").spec, elites)
    same(table.rows(archive("grid").spec, columns, EXAMPLE), elites)
    same(archive("grid").elites(resize(archive("grid"), table.unpack(columns, EXAMPLE))[0]), elites)


def test_diff_by_hand() -> None:
    a = rows({0: 1.0, 1: 5.0, 2: 2.0, 3: 0.1, 9: 7.0})
    b = rows({1: 4.0, 2: 2.0, 3: 0.2, 4: 1.0, 5: 1.0}, seed=1)
    for found in (diff(GRID, a, b), diff(GRID, table.columns(GRID, a), jax.device_put(b))):
        assert [part.tolist() for part in found[:-1]] == [[0, 9], [4, 5], [1], [3], [2]]
        scores = [float(stats.summary(GRID, each).qd_score) for each in (a, b)]
        assert found.qd_score == pytest.approx(scores[0] - scores[1])
    assert diff(GRID, a, a).qd_score == 0
    assert [len(part) for part in diff(GRID, a, a)[:-1]] == [0, 0, 0, 0, 5]
    assert diff(GRID, b, a).better_a.tolist() == [3]


def test_diff_needs_cells() -> None:
    with pytest.raises(ConfigError, match="resize"):
        diff({"kind": "unstructured", "capacity": 20}, rows({}), rows({}))
