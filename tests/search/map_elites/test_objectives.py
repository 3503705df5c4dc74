"""A search for several objectives: a front in each cell, and their sum wherever one number is asked for."""

import numpy as np
import pytest

from poet.archives import make
from poet.archives.layout import total
from poet.envs.functions.config import RastriginMultiConfig, SphereConfig
from poet.errors import ConfigError, ShapeError
from poet.runs.build import build
from poet.runs.config import MapElitesRun
from poet.search.map_elites.ask_tell import AskTell
from poet.search.map_elites.config import MapElitesConfig
from poet.search.map_elites.scoring import of_problem
from poet.search.map_elites.search import map_elites
from tests.search.map_elites.test_search import drive

PROBLEM = RastriginMultiConfig(num_params=4).make()
SPEC = {"kind": "pareto", "shape": [4, 4], "bounds": PROBLEM.descriptor_bounds, "front": 4}
CONFIG = MapElitesConfig(batch=32, generations=5, initial=64, iso_sigma=0.3, reevaluate=1)


def test_fronts_fill_and_rows_tell_of_sums() -> None:
    state, rows, info = drive(map_elites(CONFIG, make(SPEC), of_problem(PROBLEM)))
    table, spec = info.elites().columns, info.elites().meta["spec"]
    assert spec["num_objectives"] == 2
    assert len(table["cell"]) > len(set(table["cell"])) == round(rows[-1]["coverage"] * 16)
    np.testing.assert_array_equal(table["fitness"], total(table["objectives"]))
    again = of_problem(PROBLEM).evaluate(state.key, table["params"])
    np.testing.assert_allclose(again.fitness, table["objectives"], rtol=1e-5)
    assert rows[-1]["best"] == table["fitness"].max() <= PROBLEM.fitness_bounds[1]
    assert rows[0]["qd_score"] < rows[-1]["qd_score"] == pytest.approx(rows[-1]["corrected_qd_score"], rel=1e-5)
    offered = sum(row[name] for row in rows for name in ("added", "improved", "beaten", "not_finite", "outside"))
    assert offered == int(state.evaluations)
    for name in ("added", "improved"):
        assert rows[-1]["emitters"]["iso_line"][name] == rows[-1][name]


def test_archives_of_other_objectives_are_refused_at_once() -> None:
    grid = {"kind": "grid", "shape": [4, 4], "bounds": PROBLEM.descriptor_bounds}
    with pytest.raises(ConfigError, match=r"to search for, 2; got kind 'grid' of 1: take archive.kind pareto"):
        map_elites(CONFIG, make(grid), of_problem(PROBLEM))
    three = {**SPEC, "num_objectives": 3}
    with pytest.raises(ConfigError, match=r"got kind 'pareto' of 3: take .* archive.num_objectives 2"):
        map_elites(CONFIG, make(three), of_problem(PROBLEM))
    with pytest.raises(ConfigError, match=r"to search for, 1; got kind 'pareto' of 2: take archive.kind grid"):
        map_elites(CONFIG, make(SPEC), of_problem(SphereConfig(num_params=4).make()))
    with pytest.raises(ConfigError, match=r"got kind 'grid' of 1: take archive.kind pareto"):
        build(MapElitesRun(problem=RastriginMultiConfig()))


@pytest.mark.slow
def test_ask_and_tell_of_two_objectives() -> None:
    strategy = MapElitesConfig(batch=8, emitters=("es",), strategy="Open_ES", climb="fitness")
    search = AskTell(strategy, make(SPEC), np.ones((1, 4)))
    asked = search.ask()
    with pytest.raises(ShapeError, match=r"fitness numbers of shape \(8, 2\)"):
        search.tell(np.zeros(8), asked[:, :2])
    search.tell(np.stack([np.arange(8.0), 8 - np.arange(8.0) / 2], 1), asked[:, :2])
    # They lie on a line evenly: both ends stay, and of the rest those of greater sum.
    assert search.table()["objectives"].tolist() == [[7, 4.5], [6, 5], [5, 5.5], [0, 8]]
    assert search.summary()["best"] == 11.5
    asked = search.ask()
    assert np.isfinite(asked).all()
