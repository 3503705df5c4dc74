"""Runs with user-defined objects: the folder describes them, and the run is not resumed without them."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives.config import GridConfig, make
from poet.cli.main import main
from poet.errors import ContractError, RunError
from poet.runs.launch import run
from poet.runs.layout import JOURNAL, RUN
from poet.runs.overrides import describe
from poet.runs.read import read_elites
from poet.search.map_elites.config import MapElitesConfig, MapElitesRunConfig
from poet.search.map_elites.scoring import Scores, ScoringFn
from tests.envs.toy import CorridorEnvironment, CorridorGenerator

CONFIG = MapElitesRunConfig(
    search=MapElitesConfig(batch=16, generations=2, initial=16), iterations=2, checkpoint_every=1
)
LONGER = dataclasses.replace(CONFIG, iterations=3)
ARCHIVE = {"id": "grid", "shape": [5, 5], "bounds": [[-1, 1], [-1, 1]]}


def hill(num_params: int = 100, qd_offset: float = -900.0) -> ScoringFn:
    """It has as many parameters as the arm of the config, so that shapes alone do not distinguish them."""

    def evaluate(key, params):
        return Scores(-jnp.square(params).sum(axis=1), jnp.tanh(params[:, :2]), params.shape[0])

    return ScoringFn(evaluate, lambda key: jax.random.normal(key, (num_params,)), num_params, qd_offset=qd_offset)


@pytest.fixture
def started(tmp_path: Path) -> Path:
    run(CONFIG, tmp_path / "a", scoring=hill(), archive=make(ARCHIVE))
    return tmp_path / "a"


@pytest.mark.ci
def test_a_run_is_resumed_with_the_objects_of_its_start_and_with_no_others(started: Path) -> None:
    before = (started / JOURNAL).read_bytes()
    message = r"user-defined objects \(archive, scoring\).*poet\.run\(config, .*scoring=\.\.\."
    with pytest.raises(RunError, match=message):
        run(LONGER, started)
    with pytest.raises(RunError, match=r"scoring.qd_offset: -900.0 -> -800.0"):
        run(LONGER, started, scoring=hill(qd_offset=-800.0), archive=make(ARCHIVE))
    with pytest.raises(RunError, match=r"archive.spec.shape: \[5, 5\] -> \[6, 5\]"):
        run(LONGER, started, scoring=hill(), archive=make({**ARCHIVE, "shape": [6, 5]}))
    assert (started / JOURNAL).read_bytes() == before
    run(LONGER, started, scoring=hill(), archive=make(ARCHIVE))
    elites = read_elites(started)
    assert elites.meta["iteration"] == 3
    params = np.asarray(elites.arrays["params"])
    np.testing.assert_allclose(elites.arrays["fitness"], -(params**2).sum(axis=1), rtol=1e-5)


@pytest.mark.ci
def test_the_command_and_a_fork_refuse_such_a_run(started: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(started), "--iterations", "3"]) == 2
    assert "user-defined objects" in capsys.readouterr().err
    assert main(["run", "--from", str(started), "--name", "b", "--root", str(started.parent)]) == 2
    assert not (started.parent / "b").exists()


@pytest.mark.slow
def test_a_run_that_was_started_without_such_objects_is_not_resumed_with_them(tmp_path: Path) -> None:
    small = dataclasses.replace(CONFIG, archive=GridConfig(shape=(5, 5)))
    run(small, tmp_path / "a")
    with pytest.raises(RunError, match="scoring.num_params: absent -> 100"):
        run(dataclasses.replace(small, iterations=3), tmp_path / "a", scoring=hill(), archive=make(ARCHIVE))


@pytest.mark.parametrize("exists", [False, True])
def test_a_start_that_is_refused_leaves_no_files(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "a"
    if exists:
        path.mkdir()
    with pytest.raises(ContractError, match="needs an archive"):
        run(CONFIG, path, scoring=hill())
    assert path.exists() == exists
    assert not exists or not list(path.iterdir())


def test_descriptions_are_json_and_the_same_each_time() -> None:
    described = describe({"scoring": hill(), "archive": make(ARCHIVE), "generator": CorridorGenerator(), "start": None})
    assert json.loads(json.dumps(described)) == described
    assert described["scoring"] == {
        "extra": {},
        "jittable": True,
        "meta": {},
        "num_objectives": 1,
        "num_params": 100,
        "qd_offset": -900.0,
    }
    assert described["archive"]["spec"]["shape"] == [5, 5]
    assert described["generator"]["id"] == "corridor"
    assert "start" not in described
    assert described == describe({"archive": make(ARCHIVE), "scoring": hill(), "generator": CorridorGenerator()})
    assert describe({"generator": CorridorGenerator(environment=CorridorEnvironment(5))})["generator"]["version"] == 1


@pytest.mark.ci
def test_the_folder_describes_them(started: Path) -> None:
    assert json.loads((started / RUN).read_text())["overrides"]["scoring"]["num_params"] == 100
