"""A run of Go-Explore as its readers see it."""

from pathlib import Path

import pytest

import poet
from poet.agents.config import XLAEngineConfig
from poet.envs.maze.config import MazeConfig
from poet.errors import ConfigError
from poet.search.go_explore.cell_functions import FieldsCellConfig
from poet.search.go_explore.config import GoExploreConfig, GoExploreRunConfig
from poet.view.cells.commands import inspect, video
from poet.view.cells.plots import PLOTS
from poet.view.cells.run import CellsRun
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
    assert not run.can_render()
    with pytest.raises(ConfigError, match="there is no agent to evaluate or to export"):
        run.agent(0)


def test_the_terminal_shows_cells(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inspect(folder, top=2)
    text = capsys.readouterr().out
    assert "the best of" in text
    assert "returned to" in text
    with pytest.raises(ConfigError, match="last expects at least 0"):
        inspect(folder, last=-1)
    with pytest.raises(ConfigError, match="view 'cells', which has no command 'video'"):
        video(folder)


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
