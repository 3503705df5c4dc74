"""Runs with parts of one's own: a folder tells of them, and does not go on without."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet import ArchiveConfig, MapElitesConfig, MapElitesRun, Scores, Scoring
from poet import run as poet_run
from poet.archives import make
from poet.cli import main
from poet.errors import ContractError, RunError
from poet.runs.folder import JOURNAL, RUN
from poet.runs.parts import tell
from poet.runs.read import read_elites
from tests.envs.toy import CorridorGenerator, CorridorWorld

CONFIG = MapElitesRun(search=MapElitesConfig(batch=16, generations=2, initial=16), iterations=2, checkpoint_every=1)
LONGER = dataclasses.replace(CONFIG, iterations=3)
ARCHIVE = {"kind": "grid", "shape": [5, 5], "bounds": [[-1, 1], [-1, 1]]}


def hill(num_params: int = 100, offset: float = -900.0) -> Scoring:
    """As many numbers as the arm of the config has joints, so that shapes alone do not tell."""

    def evaluate(key, params):
        return Scores(-jnp.square(params).sum(axis=1), jnp.tanh(params[:, :2]), params.shape[0])

    return Scoring(evaluate, lambda key: jax.random.normal(key, (num_params,)), num_params, offset=offset)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    poet_run(CONFIG, tmp_path / "a", scoring=hill(), archive=make(ARCHIVE))
    return tmp_path / "a"


def test_a_run_goes_on_with_the_parts_of_its_start_and_with_no_others(begun: Path) -> None:
    before = (begun / JOURNAL).read_bytes()
    with pytest.raises(RunError, match=r"parts of one's own \(archive, scoring\).*poet\.run\(config, .*scoring=\.\.\."):
        poet_run(LONGER, begun)
    with pytest.raises(RunError, match=r"scoring.offset: -900.0 -> -800.0"):
        poet_run(LONGER, begun, scoring=hill(offset=-800.0), archive=make(ARCHIVE))
    with pytest.raises(RunError, match=r"archive.spec.shape: \[5, 5\] -> \[6, 5\]"):
        poet_run(LONGER, begun, scoring=hill(), archive=make({**ARCHIVE, "shape": [6, 5]}))
    assert (begun / JOURNAL).read_bytes() == before
    poet_run(LONGER, begun, scoring=hill(), archive=make(ARCHIVE))
    elites = read_elites(begun)
    assert elites.meta["iteration"] == 3
    params = np.asarray(elites.columns["params"])
    np.testing.assert_allclose(elites.columns["fitness"], -(params**2).sum(axis=1), rtol=1e-5)


def test_the_command_refuses_too_and_a_fork_as_well(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(begun), "--iterations", "3"]) == 2
    assert "parts of one's own" in capsys.readouterr().err
    assert main(["run", "--from", str(begun), "--name", "b", "--root", str(begun.parent)]) == 2
    assert not (begun.parent / "b").exists()


def test_a_run_without_parts_takes_none_later(tmp_path: Path) -> None:
    small = dataclasses.replace(CONFIG, archive=ArchiveConfig(shape=(5, 5)))
    poet_run(small, tmp_path / "a")
    with pytest.raises(RunError, match="scoring.num_params: absent -> 100"):
        poet_run(dataclasses.replace(small, iterations=3), tmp_path / "a", scoring=hill(), archive=make(ARCHIVE))


@pytest.mark.parametrize("there", [False, True])
def test_a_start_that_is_refused_leaves_nothing_behind(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "a"
    if there:
        path.mkdir()
    with pytest.raises(ContractError, match="needs an archive"):
        poet_run(CONFIG, path, scoring=hill())
    assert path.exists() == there
    assert not there or not list(path.iterdir())


def test_what_is_told_is_plain_and_the_same_each_time() -> None:
    told = tell({"scoring": hill(), "archive": make(ARCHIVE), "generator": CorridorGenerator(), "start": None})
    assert json.loads(json.dumps(told)) == told
    assert told["scoring"] == {"meta": {}, "num_objectives": 1, "num_params": 100, "offset": -900.0, "traced": True}
    assert told["archive"]["spec"]["shape"] == [5, 5]
    assert told["generator"]["id"] == "corridor"
    assert "start" not in told
    assert told == tell({"archive": make(ARCHIVE), "scoring": hill(), "generator": CorridorGenerator()})
    assert tell({"generator": CorridorGenerator(environment=CorridorWorld(5))})["generator"]["version"] == 1


def test_the_folder_tells_of_them(begun: Path) -> None:
    assert json.loads((begun / RUN).read_text())["parts"]["scoring"]["num_params"] == 100
