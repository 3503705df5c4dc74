"""POET with a learner of the step kind: lanes travel with the learner through checkpoints, admissions and transfers."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

import poet
from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.executors.config import LocalExecutorConfig
from poet.learners.config import REINFORCEConfig
from poet.runs.diff import diff_runs
from poet.search.poet.config import PoetRunConfig
from tests.envs.toy import CorridorConfig
from tests.search.poet.fakes import events_of, run
from tests.search.poet.test_poet_runs import RULES

CONFIG = PoetRunConfig(
    iterations=23,
    checkpoint_every=3,
    generator=CorridorConfig(),
    policy=MLPConfig(hidden=(16,), actor_critic=True),
    learner=REINFORCEConfig(learning_rate=0.01),
    engine=XLAEngineConfig(lanes=16),
    executor=LocalExecutorConfig(devices=1),
    search=RULES,
)


@pytest.mark.slow
def test_agents_learn_and_environments_are_admitted() -> None:
    search = poet.build_search(CONFIG)
    state, infos = run(search, CONFIG.iterations)
    search.close()
    assert max(infos[-1].metrics["best"]) > 90
    assert len(events_of(infos, "admission")) >= 2
    assert events_of(infos, "transfer")
    lengths = np.asarray(state.niches.learner.lanes.length)
    assert (lengths > 0).any(), "episodes are in progress between two learner steps"

    search = poet.build_search(dataclasses.replace(CONFIG, executor=LocalExecutorConfig(devices=2)))
    other, _ = run(search, CONFIG.iterations)
    search.close()
    for values, others in zip(jax.tree.leaves(state._replace(key=0)), jax.tree.leaves(other._replace(key=0))):
        np.testing.assert_array_equal(values, others)


@pytest.mark.slow
def test_a_run_that_is_resumed_equals_one_that_was_not(tmp_path: Path) -> None:
    short = dataclasses.replace(CONFIG, iterations=3)
    poet.run(short, tmp_path / "a")
    for iterations in (1, 2, 3):
        poet.run(dataclasses.replace(short, iterations=iterations), tmp_path / "b")
    assert diff_runs(tmp_path / "a", tmp_path / "b") == []
