"""Numbers about an archive, against sums done by hand and by the standard library."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives import stats, table
from poet.archives.base import AddInfo, Counts
from poet.archives.layout import num_cells, num_rows, row_cells
from poet.errors import ConfigError
from tests.archives.by_hand import GRID, rows
from tests.archives.cases import EXAMPLE, NAMES, archive, batch

SOME = {3: 1.0, 7: -2.0, 19: 4.5}


def forms(elites):
    """The same elites as NumPy rows, as columns, and as jax rows."""
    return [elites, table.columns(GRID, elites), jax.tree.map(jnp.asarray, elites)]


@pytest.mark.parametrize("form", range(3), ids=["numpy", "columns", "jax"])
def test_summary_by_hand(form):
    found = stats.summary(GRID, forms(rows(SOME))[form], offset=-2.0)
    kind = np.float32 if form == 2 else np.float64
    assert form == 2 or all(isinstance(number, np.generic) for number in found)
    assert tuple(map(float, found)) == (3, kind(3 / 20), 9.5, 4.5, kind(3.5 / 3))
    assert float(stats.normalised_qd_score(GRID, forms(rows(SOME))[form], (-2.0, 8.0))) == pytest.approx(0.95 / 20)
    assert int(stats.solved(GRID, forms(rows(SOME))[form], 1.0)) == 2


def test_summary_under_jit_is_that_of_numpy():
    rng = np.random.default_rng(1)
    elites = rows({row: rng.normal() * 100 for row in range(0, 20, 2)})
    compiled = jax.jit(lambda elites: stats.summary(GRID, elites, -50.0))(jax.tree.map(jnp.asarray, elites))
    np.testing.assert_allclose(np.array(compiled), np.array(stats.summary(GRID, elites, -50.0)), rtol=1e-6)


@pytest.mark.parametrize("form", range(3), ids=["numpy", "columns", "jax"])
def test_an_empty_archive_has_a_score_of_zero_and_no_best(form):
    found = stats.summary(GRID, forms(rows({}))[form], offset=-5.0)
    assert tuple(map(float, found[:3])) == (0, 0, 0)
    assert np.isnan(float(found.best))
    assert np.isnan(float(found.mean))
    assert float(stats.normalised_qd_score(GRID, forms(rows({}))[form], (0.0, 1.0))) == 0
    assert int(stats.solved(GRID, forms(rows({}))[form], -1e9)) == 0


@pytest.mark.parametrize("form", range(3), ids=["numpy", "columns", "jax"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_fitness_that_is_not_finite_counts_as_none(form, bad):
    with_bad, without = forms(rows({**SOME, 11: bad}))[form], forms(rows(SOME))[form]
    assert tuple(map(float, stats.summary(GRID, with_bad))) == tuple(map(float, stats.summary(GRID, without)))


def test_of_several_elites_in_a_cell_the_best_counts():
    spec = {"kind": "pareto", "shape": [2, 5], "front": 2, "bounds": GRID["bounds"]}
    elites = rows({0: 1.0, 1: 3.0, 5: 2.0})  # rows 0 and 1 are cell 0, row 5 is cell 2
    for form in (elites, table.columns(spec, elites)):
        found = stats.summary(spec, form)
        assert (found.filled, found.coverage, found.qd_score, found.best, found.mean) == (2, 0.2, 5.0, 3.0, 2.5)


def test_sums_have_one_order_and_small_error():
    values = np.random.default_rng(2).uniform(0, 100, 10_008).astype(np.float32)
    spec = {"kind": "cvt", "num_cells": len(values)}
    elites = rows({}, num=len(values))._replace(payload=values, fitness=values, valid=np.ones(len(values), bool))
    exact = math.fsum(map(float, values))
    assert stats.summary(spec, elites).qd_score == exact
    assert stats.summary(spec, elites._replace(fitness=values[::-1])).qd_score == exact

    compiled = jax.jit(lambda elites: stats.summary(spec, elites).qd_score)
    alone = float(compiled(elites))
    assert alone == pytest.approx(exact, rel=2e-7)
    fused = jax.jit(lambda elites: stats.summary(spec, elites._replace(fitness=elites.fitness * 2)).qd_score)
    assert float(fused(elites)) == 2 * alone
    mesh = jax.make_mesh((2,), ("x",), axis_types=(jax.sharding.AxisType.Auto,), devices=jax.devices()[:2])
    half_each = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
    assert float(compiled(jax.device_put(elites, half_each))) == alone


def test_made_by_and_entropy():
    elites = rows({0: 1.0, 4: 1.0, 5: 1.0, 6: 1.0})
    elites = elites._replace(emitter=np.array([0, -1, -1, -1, 2, 2, 2, *[-1] * 13], np.int32))
    for form in forms(elites):
        counts = stats.made_by(form, 3)
        assert np.array(counts).tolist() == [1, 0, 3]
        assert float(stats.entropy(counts)) == pytest.approx(0.25 * 2 + 0.75 * math.log2(4 / 3), abs=1e-6)
    assert stats.entropy(np.array([5, 5, 5, 5])) == 2.0
    assert stats.entropy(np.array([7, 0])) == 0.0
    assert stats.entropy(np.array([0, 0])) == 0.0


def test_sources_add_up():
    batch = rows(dict.fromkeys(range(6), 1.0), num=8)._replace(emitter=np.array([0, 0, 1, 1, 1, -1, 0, 0], np.int32))
    info = AddInfo(
        status=np.array([2, 1, 2, 2, 0, 2, 0, 0]),
        improvement=np.zeros(8),
        stored=np.array([1, 1, 0, 1, 0, 1, 0, 0], bool),
        added=np.array([1, 0, 0, 1, 0, 1, 0, 0], bool),
        cell=np.arange(8),
        counts=Counts(*[np.int32(0)] * 7),
    )
    found = stats.sources(batch, info, 2)
    assert [part.tolist() for part in found] == [[2, 3], [1, 1], [1, 0]]
    compiled = jax.jit(lambda batch, info: stats.sources(batch, info, 2))(batch, info)
    assert [part.tolist() for part in compiled] == [[2, 3], [1, 1], [1, 0]]


def test_a_free_place_below_the_threshold_is_added_everywhere():
    made = archive("grid-soft")
    low = batch(0)._replace(fitness=np.full(32, -3.0, np.float32))  # thresholds start at -2
    _, info = made.add(made.init(EXAMPLE), low)
    assert not info.status.any()
    found = stats.sources(low, jax.device_get(info), 1)
    assert found.added == info.counts.added == info.stored.sum() > 0
    assert found.improved == info.counts.improved == 0


@pytest.mark.parametrize("name", NAMES)
def test_sources_of_a_real_batch_add_up_to_its_counts(name):
    made = archive(name)
    state, _ = made.add(made.init(EXAMPLE), batch(0, made=made))
    mixed = batch(0, iteration=1, made=made)._replace(emitter=np.arange(32, dtype=np.int32) % 3)
    _, info = made.add(state, mixed)
    found = stats.sources(mixed, jax.device_get(info), 3)
    assert found.evaluations.tolist() == [11, 11, 10]
    assert (found.added.sum(), found.improved.sum()) == (info.counts.added, info.counts.improved)
    assert found.improved.sum() > 0


def test_layout_of_each_kind():
    pareto = {"kind": "pareto", "shape": [2, 3], "front": 4}
    assert (num_cells(GRID), num_rows(GRID)) == (20, 20)
    assert (num_cells(pareto), num_rows(pareto)) == (6, 24)
    assert num_rows({"kind": "unstructured", "capacity": 7}) == num_rows({"kind": "cvt", "num_cells": 7}) == 7
    assert row_cells(pareto)[:9].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    with pytest.raises(ConfigError, match="got kind 'gird'"):
        num_cells({"kind": "gird"})
