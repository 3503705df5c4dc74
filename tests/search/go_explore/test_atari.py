"""Go-Explore in Montezuma's Revenge: what it finds is reached again by the actions alone."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import poet
from poet.agents.config import HostEngineConfig
from poet.envs.adapters.atari import Atari
from poet.search.go_explore.config import GoExploreConfig
from poet.search.go_explore.presets import MONTEZUMA
from poet.view.cells.commands import export
from poet.view.cells.run import CellsRun
from poet.view.open import open_run

CONFIG = dataclasses.replace(
    MONTEZUMA,
    iterations=3,
    checkpoint_every=2,
    engine=HostEngineConfig(workers=2),
    search=GoExploreConfig(rounds=1, batch=64, draw=16, steps=100, capacity=1024),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> CellsRun:
    folder = tmp_path_factory.mktemp("runs") / "montezuma"
    poet.run(CONFIG, folder)
    opened = open_run(folder)
    assert isinstance(opened, CellsRun)
    return opened


@pytest.mark.ci
def test_every_score_is_reached_again_from_the_start(run: CellsRun, tmp_path: Path) -> None:
    cells = run.archive()
    assert run.table("progress")["env_steps"][-1] > 4000
    assert len(cells) > 40
    verified = run.verify()
    assert verified.equal.all()
    farthest = int(np.argmax(cells.columns["extra.length"]))
    export(run.path, cell=farthest, out=tmp_path / "way.npz")
    with np.load(tmp_path / "way.npz") as demo:
        actions, score = demo["actions"], json.loads(str(demo["meta"]))["score"]
    assert len(actions) == cells.columns["extra.length"][farthest]
    simulator = Atari("montezuma_revenge").make_simulator(CONFIG.generator.make().simplest())
    simulator.reset(0)
    steps = [simulator.step(action) for action in actions]
    assert not any(step.terminated for step in steps), "no way leads through the loss of a life"
    assert sum(step.reward for step in steps) == score
    places = [int(steps[-1].obs.ram[byte]) for byte in (57, 3, 65, 42, 43)]  # what the cells are made of
    assert places == cells.points()[farthest].tolist()


@pytest.mark.slow
def test_a_killed_run_equals_one_that_was_not(run: CellsRun, tmp_path: Path) -> None:
    """Stopped after an iteration, and resumed by other workers."""
    folder = tmp_path / "montezuma"
    poet.run(dataclasses.replace(CONFIG, iterations=1), folder)
    poet.run(dataclasses.replace(CONFIG, engine=HostEngineConfig(workers=1)), folder)
    resumed = open_run(folder)
    assert isinstance(resumed, CellsRun)
    assert {*resumed.archive().columns} == {*run.archive().columns}
    for name, column in run.archive().columns.items():
        np.testing.assert_array_equal(resumed.archive().columns[name], column)
