"""A run of Go-Explore as its readers see it."""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import poet
from poet.agents.config import XLAEngineConfig
from poet.envs.episode_keys import level_key, reset_key
from poet.envs.maze.config import MazeConfig
from poet.errors import ConfigError, RunError
from poet.search.go_explore.cell_functions import FieldsCellConfig
from poet.search.go_explore.config import GoExploreConfig, GoExploreRunConfig
from poet.view.cells.commands import evaluate, export, inspect, video
from poet.view.cells.inspect import print_verified
from poet.view.cells.plots import PLOTS
from poet.view.cells.run import CellsRun
from poet.view.cells.ways import film
from poet.view.open import open_run
from tests.view.figures import check_layout

CONFIG = GoExploreRunConfig(
    iterations=3,
    checkpoint_every=1,
    generator=MazeConfig(horizon=60, speed=5.0),
    engine=XLAEngineConfig(lanes=8),
    search=GoExploreConfig(rounds=2, batch=8, draw=4, steps=20, capacity=64),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "cells"
    poet.run(CONFIG, path)
    return path


@pytest.mark.ci
def test_a_run_opens_with_its_view(folder: Path) -> None:
    run = open_run(folder)
    assert isinstance(run, CellsRun)
    table = run.table("progress")
    cells = run.archive()
    assert len(cells) == table["cells"][-1] == 1 + table["added"].sum()
    assert max(cells.columns["fitness"]) == pytest.approx(table["best"][-1])
    assert f"cells {len(cells)}" in repr(run)
    assert run.snapshots() == [2, 3]
    assert set(cells.columns) >= {"extra.length", "extra.seen", "extra.chosen", "extra.chosen_since_new"}
    assert run.can_render()
    with pytest.raises(ConfigError, match="there is no agent to evaluate or to export"):
        run.agent(0)


def test_the_terminal_shows_cells(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inspect(folder, top=2)
    text = capsys.readouterr().out
    assert "the best of" in text
    assert "returned to" in text
    with pytest.raises(ConfigError, match="last expects at least 0"):
        inspect(folder, last=-1)


def test_ways_to_cells_are_replayed_from_the_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = open_run(folder)
    assert isinstance(run, CellsRun)
    verified = run.verify()
    assert verified.equal.all()
    assert len(verified.cells) == len(run.archive())
    cell, columns = run.default_agent(), run.archive().columns
    replayed = run.replay(cell)
    assert replayed.score == columns["fitness"][cell] == max(columns["fitness"])
    assert len(replayed.keys) == len(replayed.trajectory.actions) == columns["extra.length"][cell]

    inspect(folder, cell=cell)
    text = capsys.readouterr().out
    assert f"cell {cell} of cells, " in text
    assert f"replayed from the start: cell {cell} is reached with its score" in text
    assert evaluate(folder, top=5) == 0
    assert capsys.readouterr().out == "5 cells replayed from the start: 5 with their scores\n"
    with pytest.raises(RunError, match="there is no elite 9999"):
        inspect(folder, cell=9999)
    with pytest.raises(ConfigError, match="use --cell or --at, not both"):
        inspect(folder, cell=1, at=(0.5, 0.5))


def test_a_score_that_no_replay_gives_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = open_run(folder)
    assert isinstance(run, CellsRun)
    fitness = np.array(run.archive().columns["fitness"])
    fitness[3] += 1
    run.archive().columns = {**run.archive().columns, "fitness": fitness}
    assert print_verified(run, run.verify()) == 1
    assert "cell 3: " in capsys.readouterr().out


def test_a_demonstration_can_be_acted_out_step_by_step(folder: Path, tmp_path: Path) -> None:
    """With nothing but the environment and the file; one step at a time is rounded otherwise than a block of lanes."""
    export(folder, out=tmp_path / "way.npz")
    with np.load(tmp_path / "way.npz") as demo:
        meta, start = json.loads(str(demo["meta"])), jax.random.wrap_key_data(demo["start_key"])
        actions, keys, rewards = (demo[name] for name in ("actions", "keys", "rewards"))
    generator = CONFIG.generator.make()
    environment = generator.environment
    assert meta["environment"] == environment.interface.id
    level = environment.build(level_key(start), generator.simplest())
    world, _ = environment.reset(reset_key(start), level)
    got, step = [], jax.jit(environment.step)
    for key, action in zip(keys, actions):
        made = step(jax.random.wrap_key_data(key), level, world, action)
        world, got = made.world, [*got, made.reward]
    np.testing.assert_allclose(np.array(got, np.float32), rewards, atol=1e-4)
    assert np.add.accumulate(rewards)[-1] == np.float32(meta["score"])


@pytest.mark.ci
def test_the_way_to_a_cell_is_filmed(folder: Path, tmp_path: Path) -> None:
    video(folder, out=tmp_path / "way.gif")
    with Image.open(tmp_path / "way.gif") as picture:
        assert picture.n_frames > 10  # pyright: ignore[reportAttributeAccessIssue]
    run = open_run(folder)
    assert isinstance(run, CellsRun)
    ids = np.array(run.archive().columns["id"])
    ids[0] = 0
    run.archive().columns = {**run.archive().columns, "id": ids}
    with pytest.raises(RunError, match="cell 0 of cells is where every way begins"):
        film(run, 0, tmp_path / "root.gif")
    shutil.copytree(folder, tmp_path / "cells")
    shutil.rmtree(tmp_path / "cells" / "segments")
    with pytest.raises(RunError, match="the ways to its cells were not kept"):
        video(tmp_path / "cells")


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", PLOTS)
@pytest.mark.ci
def test_texts_are_inside_and_apart(folder: Path, kind: str) -> None:
    check_layout(PLOTS[kind](open_run(folder)))


@pytest.mark.slow
def test_a_run_of_one_iteration_with_many_coordinates_is_drawn(tmp_path: Path) -> None:
    poet.run(
        GoExploreRunConfig(
            iterations=1,
            generator=CONFIG.generator,
            engine=CONFIG.engine,
            cell=FieldsCellConfig(fields=("world.x", "world.y", "obs"), low=(0.0,)),
            search=GoExploreConfig(rounds=1, batch=8, draw=4, steps=2, capacity=64),
        ),
        tmp_path / "short",
    )
    run = open_run(tmp_path / "short")
    for plot in PLOTS.values():
        check_layout(plot(run))
