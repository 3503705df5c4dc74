"""A search with several objectives: a front in each cell, and the sum of the objectives where one number is needed."""

import numpy as np
import pytest

from poet.archives.config import GridConfig, ParetoConfig
from poet.archives.layout import total
from poet.envs.functions.config import RastriginMultiConfig, SphereConfig
from poet.errors import ConfigError, ShapeError
from poet.search.base import RunContext
from poet.search.map_elites.algorithm import map_elites
from poet.search.map_elites.ask_tell import AskTell
from poet.search.map_elites.config import ESEmitterConfig, IsoLineConfig, MapElitesConfig, MapElitesRunConfig
from poet.search.map_elites.scoring import problem_scoring
from tests.search.helpers import run_search

PROBLEM = RastriginMultiConfig(num_params=4).make()
PARETO = ParetoConfig(shape=(4, 4), front_size=4)
CONFIG = MapElitesConfig(batch=32, generations=5, initial=64, emitters=(IsoLineConfig(iso_sigma=0.3),), reevaluate=1)


@pytest.mark.slow
def test_fronts_fill_and_metrics_are_of_sums() -> None:
    state, infos = run_search(map_elites(CONFIG, PARETO.make(PROBLEM.descriptor_bounds), problem_scoring(PROBLEM)), 3)
    rows, record = [info.metrics for info in infos], infos[-1].snapshots["elites"]()
    table, spec = record.arrays, record.meta["spec"]
    assert spec["num_objectives"] == 2
    assert len(table["cell"]) > len(set(table["cell"])) == round(rows[-1]["coverage"] * 16)
    np.testing.assert_array_equal(table["fitness"], total(table["objectives"]))
    again = problem_scoring(PROBLEM).evaluate(state.key, table["params"])
    np.testing.assert_allclose(again.fitness, table["objectives"], rtol=1e-5)
    assert rows[-1]["best"] == table["fitness"].max() <= PROBLEM.fitness_bounds[1]
    assert rows[0]["qd_score"] < rows[-1]["qd_score"] == pytest.approx(rows[-1]["corrected_qd_score"], rel=1e-5)
    fates = ("added", "improved", "rejected", "not_finite", "out_of_bounds")
    assert sum(row[name] for row in rows for name in fates) == int(state.evaluations)
    for name in ("added", "improved"):
        assert rows[-1]["emitters"]["iso-line"][name] == rows[-1][name]


def test_archives_of_other_objectives_are_refused_at_once() -> None:
    bounds = PROBLEM.descriptor_bounds
    with pytest.raises(ConfigError, match=r", 2; archive 'grid' is for 1: choose archive 'pareto'"):
        map_elites(CONFIG, GridConfig(shape=(4, 4)).make(bounds), problem_scoring(PROBLEM))
    three = ParetoConfig(shape=(4, 4), num_objectives=3)
    with pytest.raises(ConfigError, match=r"archive 'pareto' is for 3: choose .* archive.num_objectives 2"):
        map_elites(CONFIG, three.make(bounds), problem_scoring(PROBLEM))
    with pytest.raises(ConfigError, match=r", 1; archive 'pareto' is for 2: choose archive 'grid'"):
        map_elites(CONFIG, PARETO.make(bounds), problem_scoring(SphereConfig(num_params=4).make()))
    with pytest.raises(ConfigError, match=r"archive 'grid' is for 1: choose archive 'pareto'"):
        MapElitesRunConfig(problem=RastriginMultiConfig()).make(RunContext())


@pytest.mark.slow
def test_ask_and_tell_of_two_objectives() -> None:
    config = MapElitesConfig(batch=8, emitters=(ESEmitterConfig("Open_ES", ranking="fitness"),))
    search = AskTell(config, PARETO.make(PROBLEM.descriptor_bounds), np.ones((1, 4)))
    asked = search.ask()
    with pytest.raises(ShapeError, match=r"fitness numbers of shape \(8, 2\)"):
        search.tell(np.zeros(8), asked[:, :2])
    search.tell(np.stack([np.arange(8.0), 8 - np.arange(8.0) / 2], 1), asked[:, :2])
    # They lie on a line evenly: both ends stay, and of the rest those of greater sum.
    assert search.table()["objectives"].tolist() == [[7, 4.5], [6, 5], [5, 5.5], [0, 8]]
    assert search.summary()["best"] == 11.5
    asked = search.ask()
    assert np.isfinite(asked).all()
