"""Statistics of an archive, compared with sums computed by hand and by the standard library."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives import stats, table
from poet.archives.base import AddInfo, Counts
from poet.archives.layout import check_objectives, geometry, layout, num_cells, num_rows, row_cells
from poet.errors import ConfigError
from tests.archives.by_hand import FRONTS, GRID, rows
from tests.archives.cases import BOUNDS, CONFIGS, EXAMPLE, NAMES, archive, batch

SOME = {3: 1.0, 7: -2.0, 19: 4.5}


def forms(elites):
    """The same elites as NumPy rows, as columns, and as jax rows."""
    return [elites, table.columns(GRID, elites), jax.tree.map(jnp.asarray, elites)]


@pytest.mark.parametrize("form", range(3), ids=["numpy", "columns", "jax"])
def test_summary_computed_by_hand(form):
    found = stats.summary(GRID, forms(rows(SOME))[form], qd_offset=-2.0)
    dtype = np.float32 if form == 2 else np.float64
    assert form == 2 or all(isinstance(number, np.generic) for number in found)
    assert tuple(map(float, found)) == (3, dtype(3 / 20), 9.5, 4.5, dtype(3.5 / 3))
    assert float(stats.normalised_qd_score(GRID, forms(rows(SOME))[form], (-2.0, 8.0))) == pytest.approx(0.95 / 20)
    assert int(stats.solved(GRID, forms(rows(SOME))[form], 1.0)) == 2


def test_summary_under_jit_equals_that_of_numpy():
    rng = np.random.default_rng(1)
    elites = rows({row: rng.normal() * 100 for row in range(0, 20, 2)})
    compiled = jax.jit(lambda elites: stats.summary(GRID, elites, -50.0))(jax.tree.map(jnp.asarray, elites))
    np.testing.assert_allclose(np.array(compiled), np.array(stats.summary(GRID, elites, -50.0)), rtol=1e-6)


@pytest.mark.parametrize("form", range(3), ids=["numpy", "columns", "jax"])
def test_an_empty_archive_has_a_qd_score_of_zero_and_no_best(form):
    found = stats.summary(GRID, forms(rows({}))[form], qd_offset=-5.0)
    assert tuple(map(float, found[:3])) == (0, 0, 0)
    assert np.isnan(float(found.best))
    assert np.isnan(float(found.mean))
    assert float(stats.normalised_qd_score(GRID, forms(rows({}))[form], (0.0, 1.0))) == 0
    assert int(stats.solved(GRID, forms(rows({}))[form], -1e9)) == 0


@pytest.mark.parametrize("form", range(3), ids=["numpy", "columns", "jax"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_fitness_that_is_not_finite_is_ignored(form, bad):
    with_bad, without = forms(rows({**SOME, 11: bad}))[form], forms(rows(SOME))[form]
    assert tuple(map(float, stats.summary(GRID, with_bad))) == tuple(map(float, stats.summary(GRID, without)))


def test_the_best_of_several_elites_in_a_cell_counts():
    elites = rows({0: 1.0, 1: 3.0, 5: 2.0})  # rows 0 and 1 are cell 0, row 5 is cell 2
    for form in (elites, table.columns(FRONTS, elites)):
        found = stats.summary(FRONTS, form)
        assert (found.filled, found.coverage, found.qd_score, found.best, found.mean) == (2, 0.2, 5.0, 3.0, 2.5)


@pytest.mark.ci
def test_sums_have_a_fixed_order_and_a_small_error():
    values = np.random.default_rng(2).uniform(0, 100, 10_008).astype(np.float32)
    spec = {"id": "cvt", "layout": layout(len(values), "centroids")}
    elites = rows({}, num=len(values))._replace(payload=values, fitness=values, valid=np.ones(len(values), bool))
    exact = math.fsum(map(float, values))
    assert stats.summary(spec, elites).qd_score == exact
    assert stats.summary(spec, elites._replace(fitness=values[::-1])).qd_score == exact

    compiled = jax.jit(lambda elites: stats.summary(spec, elites).qd_score)
    single = float(compiled(elites))
    assert single == pytest.approx(exact, rel=2e-7)
    fused = jax.jit(lambda elites: stats.summary(spec, elites._replace(fitness=elites.fitness * 2)).qd_score)
    assert float(fused(elites)) == 2 * single
    mesh = jax.make_mesh((2,), ("x",), axis_types=(jax.sharding.AxisType.Auto,), devices=jax.devices()[:2])
    half_each = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
    assert float(compiled(jax.device_put(elites, half_each))) == single


def test_count_by_emitter_and_entropy():
    elites = rows({0: 1.0, 4: 1.0, 5: 1.0, 6: 1.0})
    elites = elites._replace(emitter=np.array([0, -1, -1, -1, 2, 2, 2, *[-1] * 13], np.int32))
    for form in forms(elites):
        counts = stats.count_by_emitter(form, 3)
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
    found = stats.batch_counts_by_emitter(batch, info, 2)
    assert [part.tolist() for part in found] == [[2, 3], [1, 1], [1, 0]]
    compiled = jax.jit(lambda batch, info: stats.batch_counts_by_emitter(batch, info, 2))(batch, info)
    assert [part.tolist() for part in compiled] == [[2, 3], [1, 1], [1, 0]]


def test_entries_below_the_threshold_are_added_to_free_cells():
    made = archive("grid-thresholds")
    low = batch(0)._replace(fitness=np.full(32, -3.0, np.float32))  # thresholds start at -2
    _, info = made.add(made.init(EXAMPLE), low)
    assert not info.status.any()
    found = stats.batch_counts_by_emitter(low, jax.device_get(info), 1)
    assert found.added == info.counts.added == info.stored.sum() > 0
    assert found.improved == info.counts.improved == 0


@pytest.mark.parametrize("name", NAMES)
def test_sources_of_a_real_batch_add_up_to_its_counts(name):
    made = archive(name)
    state, _ = made.add(made.init(EXAMPLE), batch(0, made=made))
    again = batch(0, made=made).descriptor  # in an archive of very many cells, no other entry would improve any
    mixed = batch(0, iteration=1, made=made)._replace(descriptor=again, emitter=np.arange(32, dtype=np.int32) % 3)
    _, info = made.add(state, mixed)
    found = stats.batch_counts_by_emitter(mixed, jax.device_get(info), 3)
    assert found.evaluations.tolist() == [11, 11, 10]
    assert (found.added.sum(), found.improved.sum()) == (info.counts.added, info.counts.improved)
    assert found.improved.sum() > 0


@pytest.mark.parametrize(
    ("name", "cells", "rows_per_cell", "form"),
    [
        ("grid", 15, 1, "grid"),
        ("cvt", 15, 1, "centroids"),
        ("unstructured", 12, 1, "points"),
        ("pareto", 15, 4, "grid"),
        ("hexagons", 12, 1, "centroids"),
    ],
)
def test_specs_describe_their_layout(name, cells, rows_per_cell, form):
    spec = CONFIGS[name].spec(BOUNDS)
    assert spec["layout"] == {"cells": cells, "rows_per_cell": rows_per_cell, "geometry": form}
    assert (num_cells(spec), num_rows(spec), geometry(spec)) == (cells, cells * rows_per_cell, form)
    assert row_cells(spec).tolist() == [cell for cell in range(cells) for _ in range(rows_per_cell)]


def test_the_layout_of_an_archive_that_is_not_installed_can_be_read():
    assert num_cells({"id": "not-installed", "layout": layout(7, "points")}) == 7
    assert row_cells(FRONTS)[:5].tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("read", [num_cells, num_rows, row_cells, geometry])
@pytest.mark.parametrize("given", [{}, {"layout": None}, {"layout": {}}])
def test_a_spec_without_layout_raises(read, given):
    with pytest.raises(ConfigError, match=r"spec of an archive, with a 'layout'.*archive 'gird' has layout"):
        read({"id": "gird", "shape": [2, 2], **given})


def test_an_archive_for_another_number_of_objectives_raises():
    one, two = (CONFIGS[name].spec(BOUNDS) for name in ("grid", "pareto"))
    check_objectives(one, 1)
    check_objectives(two, 2)
    with pytest.raises(ConfigError, match=r"archive 'grid' is for 1: .*'pareto' with archive.num_objectives 2"):
        check_objectives(one, 2)
    with pytest.raises(ConfigError, match=r"archive 'pareto' is for 2: choose archive 'grid'"):
        check_objectives(two, 1)
