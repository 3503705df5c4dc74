"""Options that no machine could serve are refused in words, before anything is allocated."""

import dataclasses
import os
import re
import sys
from pathlib import Path

import pytest

from poet import memory
from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.archives.config import CVTConfig, GridConfig, ParetoConfig, UnstructuredConfig
from poet.envs.functions.config import SphereConfig
from poet.errors import ConfigError
from poet.executors.config import LocalExecutorConfig
from poet.learners.config import ESConfig
from poet.memory import require_memory, total_memory
from poet.runs import launch
from poet.runs.launch import build_search, run
from poet.runs.provenance import num_cores
from poet.search.config import RunConfig
from poet.search.map_elites.config import MapElitesConfig, MapElitesRunConfig
from poet.search.paired_map_elites.config import PairedMapElitesConfig, PairedMapElitesRunConfig
from poet.search.poet.config import PoetConfig, PoetRunConfig
from tests.envs.toy import CorridorConfig

HUGE = 10**11
POET = PoetRunConfig(generator=CorridorConfig(), engine=XLAEngineConfig(lanes=8), executor=LocalExecutorConfig(queue=8))
PAIRS = PairedMapElitesRunConfig(
    generator=CorridorConfig(), archive=GridConfig(shape=(4, 4)), engine=POET.engine, executor=POET.executor
)
SOLUTIONS = MapElitesRunConfig(problem=SphereConfig(num_params=1000), archive=GridConfig(shape=(4, 4)))
OPTIONS = {
    "learner.population": dataclasses.replace(POET, learner=ESConfig(population=HUGE)),
    "learner.episodes": dataclasses.replace(POET, learner=ESConfig(episodes=HUGE)),
    "CMA-ES population": dataclasses.replace(POET, learner=ESConfig(population=HUGE, strategy="CMA_ES")),
    "policy.hidden": dataclasses.replace(POET, policy=MLPConfig(hidden=(10**7, 10**7))),
    "engine.lanes": dataclasses.replace(POET, engine=XLAEngineConfig(lanes=HUGE)),
    "executor.queue": dataclasses.replace(POET, executor=LocalExecutorConfig(queue=HUGE)),
    "search.max_niches": dataclasses.replace(POET, search=PoetConfig(max_niches=HUGE)),
    "search.eval_episodes": dataclasses.replace(POET, search=PoetConfig(eval_episodes=HUGE)),
    "search.num_children": dataclasses.replace(POET, search=PoetConfig(num_children=HUGE)),
    "paired search.children": dataclasses.replace(PAIRS, search=PairedMapElitesConfig(children=HUGE)),
    "paired search.variants": dataclasses.replace(PAIRS, search=PairedMapElitesConfig(variants=HUGE)),
    "paired search.trainees": dataclasses.replace(PAIRS, search=PairedMapElitesConfig(trainees=HUGE)),
    "paired archive": dataclasses.replace(PAIRS, archive=GridConfig(shape=(40_000, 40_000))),
    "search.batch": dataclasses.replace(SOLUTIONS, search=MapElitesConfig(batch=2 * 10**9, generations=1)),
    "search.islands": dataclasses.replace(SOLUTIONS, search=MapElitesConfig(batch=1, generations=1, islands=2 * 10**9)),
    "archive of": dataclasses.replace(SOLUTIONS, archive=GridConfig(shape=(40_000, 40_000))),
    "fronts": dataclasses.replace(SOLUTIONS, archive=ParetoConfig(shape=(9000, 9000), num_objectives=1)),
    "capacity": dataclasses.replace(SOLUTIONS, archive=UnstructuredConfig(capacity=10**10)),
    "cvt samples": dataclasses.replace(SOLUTIONS, archive=CVTConfig(samples=HUGE)),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_what_no_machine_can_hold_is_refused_in_words(name: str) -> None:
    with pytest.raises(ConfigError) as error:
        build_search(OPTIONS[name])
    assert re.search(r"would need [\d.e+]+ [GTP]B of memory or more, and this machine has", str(error.value))
    if "." in name:
        assert name.split()[-1] in str(error.value)


def test_a_refused_run_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="learner.population 100000000000"):
        run(OPTIONS["learner.population"], tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("config", [POET, PAIRS, SOLUTIONS])
def test_what_fits_is_accepted(config: RunConfig) -> None:
    build_search(config).close()


@pytest.mark.parametrize(("content", "limit"), [("1000000\n", 1_000_000), ("max\n", None), (None, None)])
def test_the_limit_of_a_container_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, limit: int | None
) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "memory.max")
    if content:
        (tmp_path / "memory.max").write_text(content)
    assert total_memory() == limit or (limit is None and total_memory() > 10**8)
    require_memory(999_999, "little")
    with pytest.raises(ConfigError, match="much would need"):
        require_memory(1e18, "much")


@pytest.mark.parametrize("devices", [99, 10**6, None])
def test_no_more_devices_are_made_than_there_are_cores(monkeypatch: pytest.MonkeyPatch, devices: int | None) -> None:
    """More would take minutes to start; `executor.devices` is refused once jax has said what there is."""
    monkeypatch.delenv("JAX_NUM_CPU_DEVICES")
    monkeypatch.delitem(sys.modules, "jax")
    monkeypatch.setattr(launch, "use_cache", lambda: "")
    launch.prepare(devices)
    assert os.environ["JAX_NUM_CPU_DEVICES"] == str(num_cores())
