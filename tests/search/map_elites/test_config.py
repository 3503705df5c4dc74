"""The run config: JSON and back, presets, and the search that it makes."""

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.archives.config import CVTConfig, GridConfig
from poet.envs.arm.config import ArmConfig
from poet.errors import ConfigError, ContractError
from poet.executors.config import LocalExecutorConfig
from poet.search.base import RunContext
from poet.search.config import RunConfig
from poet.search.map_elites.config import (
    ESEmitterConfig,
    GaussianConfig,
    IsoLineConfig,
    MapElitesConfig,
    MapElitesRunConfig,
    emitters,
)
from poet.search.map_elites.presets import ARM, TINY, WALKER
from poet.search.map_elites.scoring import Scores, ScoringFn
from tests.search.helpers import run_search
from tests.search.map_elites.toy import PushConfig

SMALL = MapElitesConfig(batch=8, generations=1, initial=8)


@pytest.mark.parametrize("config", [TINY, ARM, WALKER])
def test_presets_survive_json(config: MapElitesRunConfig) -> None:
    data = json.loads(json.dumps(config.to_dict()))
    assert RunConfig.from_dict(data) == config
    assert data["id"] == "map-elites"


def test_emitters_survive_json_with_their_options() -> None:
    listed = (
        IsoLineConfig(line_sigma=0.5),
        GaussianConfig(),
        ESEmitterConfig(ranking="improvement"),
        GaussianConfig(sigma=1.0),
    )
    config = MapElitesRunConfig(archive=CVTConfig(num_cells=50), search=MapElitesConfig(emitters=listed))
    data = json.loads(json.dumps(config.to_dict()))
    assert [emitter["id"] for emitter in data["search"]["emitters"]] == ["iso-line", "gaussian", "es", "gaussian"]
    assert RunConfig.from_dict(data) == config
    with pytest.raises(ConfigError, match="unknown emitter 'isoline'.*iso-line"):
        RunConfig.from_dict({**data, "search": {"emitters": [{"id": "isoline"}]}})


def test_all_emitters_are_registered() -> None:
    assert set(emitters.ids()) >= {"iso-line", "gaussian", "polynomial", "crossover", "es"}
    assert not [row for row in emitters.status() if row.problem]


def test_configs_import_no_jax() -> None:
    code = "import sys, poet.search.map_elites.presets; assert not {'jax', 'evosax'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_describe() -> None:
    assert TINY.describe() == "arm, iso-line in batches of 64, grid archive"


@pytest.mark.slow
def test_a_problem_is_the_identity_of_its_search() -> None:
    search = MapElitesRunConfig(problem=ArmConfig(num_joints=3), search=SMALL, qd_offset=-7.0).make(RunContext())
    assert search.identity == {"problem": {"id": "arm-v1"}}
    assert search.headline == ("coverage", "qd_score", "best")
    _, infos = run_search(search, 1)
    search.close()
    metrics, record = infos[0].metrics, infos[0].snapshots["elites"]()
    filled = round(metrics["coverage"] * 10_000)
    assert metrics["qd_score"] == pytest.approx(filled * (metrics["mean"] + 7.0), rel=1e-5)
    assert record.meta["problem"] == {"id": "arm-v1"}
    assert record.meta["qd_offset"] == -7.0, "readers use the offset of the search"


PUSH = MapElitesRunConfig(
    problem=PushConfig(),
    policy=MLPConfig(hidden=(2,)),
    archive=GridConfig(shape=(4, 4)),
    search=SMALL,
    engine=XLAEngineConfig(lanes=8),
    executor=LocalExecutorConfig(queue=8, devices=1),
)


@pytest.mark.slow
def test_agents_of_a_generator() -> None:
    search = PUSH.make(RunContext())
    assert search.identity["generator"] == {"id": "push", "version": 2}
    assert search.identity["interface"]["id"] == "push-v1"
    _, infos = run_search(search, 1)
    search.close()
    assert infos[0].metrics["evaluations"] == 16
    assert infos[0].metrics["env_steps"] == 16 * 3
    record = infos[0].snapshots["elites"]()
    assert record.meta["descriptor_names"] == ["x", "y"]
    assert record.meta["payload"] == {"params": {"shape": [12], "dtype": "float32"}}


def test_the_executor_of_the_context_replaces_that_of_the_config() -> None:
    with pytest.raises(ConfigError, match="got 99"):
        PUSH.make(RunContext(executor=LocalExecutorConfig(devices=99)))


@pytest.mark.ci
def test_an_environment_without_a_descriptor_is_refused() -> None:
    with pytest.raises(ContractError, match="has no descriptor"):
        MapElitesRunConfig(problem=PushConfig(described=False)).make(RunContext())


@pytest.mark.ci
def test_a_custom_scoring_needs_an_archive() -> None:
    def evaluate(key, params):
        return Scores(-jnp.square(params).sum(axis=1), params[:, :1], params.shape[0])

    scoring = ScoringFn(evaluate, lambda key: jax.random.normal(key, (3,)), 3)
    config = MapElitesRunConfig(search=SMALL)
    with pytest.raises(ContractError, match="needs an archive"):
        config.make(RunContext(), scoring=scoring)
    search = config.make(RunContext(), scoring=scoring, archive=GridConfig(shape=(5,)).make([(-1.0, 1.0)]))
    assert search.identity == {}
    _, infos = run_search(search, 1)
    search.close()
    assert infos[0].metrics["evaluations"] == 16
