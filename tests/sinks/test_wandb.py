"""Weights & Biases: what the sink sends, with a replacement of the package; and, offline, the files that it writes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from poet.errors import ConfigError
from poet.runs.diff import diff_runs
from poet.runs.layout import SINKS
from poet.sinks.config import WandbConfig
from tests.runs.toy import ToyConfig, toy_run

wandb = pytest.importorskip("wandb")


class Server:
    """Replaces the package: keeps the settings of each run and the points that it gets, also over a resume."""

    def __init__(self) -> None:
        self.down = 0  # calls that will fail
        self.settings: list[dict[str, Any]] = []
        self.steps: dict[str, list[int]] = {}
        self.values: list[dict[str, Any]] = []
        self.finished = 0

    def init(self, **settings: Any) -> Any:
        self._answer()
        self.settings.append(settings)
        steps = self.steps.setdefault(settings["id"], [])

        def log(values: dict[str, Any], step: int) -> None:
            self._answer()
            assert not steps or step > steps[-1], "wandb ignores steps that it has, with a warning each"
            steps.append(step)
            self.values.append(values)

        def finish() -> None:
            self.finished += 1

        return SimpleNamespace(starting_step=steps[-1] + 1 if steps else 0, log=log, finish=finish)

    def _answer(self) -> None:
        if self.down:
            self.down -= 1
            raise ConnectionError("no network")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(wandb, "init", server.init)
    for name in ("WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return server


def config(iterations: int = 6, **options: Any) -> ToyConfig:
    return ToyConfig(iterations=iterations, sinks=(WandbConfig(**options),))


def test_what_wandb_is_told(tmp_path: Path, server: Server) -> None:
    toy_run(tmp_path / "mine", config(tags=("a", "b"), group="seeds"))
    (given,) = server.settings
    assert (given["project"], given["name"], given["group"], given["tags"]) == ("poet", "mine", "seeds", ("a", "b"))
    assert given["resume"] == "allow"
    assert given["config"]["step_size"] == 0.5
    assert given["dir"] == str(tmp_path / "mine" / SINKS / "wandb")
    assert list(server.steps.values()) == [list(range(6))]
    assert server.values[3].keys() >= {"env_steps", "best/max", "events/milestone", "wall/seconds", "_timestamp"}
    assert server.finished == 1


def test_a_resumed_run_continues_in_wandb(tmp_path: Path, server: Server) -> None:
    toy_run(tmp_path, config(4))
    toy_run(tmp_path, config(6))
    toy_run(tmp_path, config(6))
    assert list(server.steps.values()) == [list(range(6))]


def test_what_the_server_did_not_get_before_a_kill_is_sent_after_it(tmp_path: Path, server: Server) -> None:
    toy_run(tmp_path, config(4))
    (steps,) = server.steps.values()
    del steps[2:]  # accepted by wandb, and on its way when the process was killed
    toy_run(tmp_path, config(6))
    assert steps == list(range(6))


@pytest.mark.parametrize("down", [1, 2, 3])
def test_without_a_network_at_first(tmp_path: Path, server: Server, down: int) -> None:
    server.down = down
    toy_run(tmp_path, config())
    toy_run(tmp_path, config())
    assert list(server.steps.values()) == [list(range(6))]


def test_the_environment_gives_defaults(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "ours")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert not WandbConfig().online
    assert WandbConfig(mode="online").online
    toy_run(tmp_path / "a", config(2))
    toy_run(tmp_path / "b", config(2, project="mine", mode="online"))
    assert [given["project"] for given in server.settings] == ["ours", "mine"]
    assert [given["resume"] for given in server.settings] == [None, "allow"]


def test_who_is_not_logged_in_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb, "login", lambda **options: False)
    with pytest.raises(ConfigError, match="nobody is logged in .* WANDB_MODE=offline"):
        WandbConfig(mode="online").check()
    WandbConfig(mode="offline").check()


@pytest.mark.ci
def test_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    toy_run(tmp_path / "a", config(4, mode="offline"))
    toy_run(tmp_path / "a", config(6, mode="offline"))
    toy_run(tmp_path / "b", ToyConfig(iterations=6))
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []
    first, second = sorted((tmp_path / "a" / SINKS / "wandb" / "wandb").glob("offline-run-*/*.wandb"))
    assert first.name == second.name, "the same run"
    assert b"milestone" in first.read_bytes()
    assert second.stat().st_size > first.stat().st_size, "the newest has the whole curve"
