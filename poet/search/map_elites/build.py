"""The MAP-Elites search that a run config describes."""

from typing import Any

from poet.archives.base import Archive
from poet.envs.config import GeneratorConfig
from poet.envs.interface import generator_identity
from poet.errors import ContractError
from poet.executors.config import ExecutorConfig
from poet.search.base import RunContext, Search
from poet.search.map_elites.algorithm import MapElitesState, map_elites
from poet.search.map_elites.config import MapElitesRunConfig
from poet.search.map_elites.scoring import ScoringFn, episode_scoring, problem_scoring


def build(
    config: MapElitesRunConfig, context: RunContext, scoring: ScoringFn | None, archive: Archive | None
) -> Search[MapElitesState]:
    """The search; see `MapElitesRunConfig.make`."""
    executor = context.executor or config.executor
    identity: dict[str, Any] = {}
    if scoring is None:
        agents = isinstance(config.problem, GeneratorConfig)
        scoring, bounds, identity = _score_agents(config, executor) if agents else _score_solutions(config)
        archive = archive or config.archive.make(bounds)
    if archive is None:
        raise ContractError(
            "a user-defined scoring needs an archive with bounds of its descriptors: pass "
            "archive=GridConfig(...).make(bounds), or another archive"
        )
    if config.qd_offset is not None:
        scoring = scoring._replace(qd_offset=config.qd_offset)
    return map_elites(config.search, archive, scoring, executor.devices)._replace(identity=identity)


def _score_solutions(config: MapElitesRunConfig) -> tuple[ScoringFn, Any, dict[str, Any]]:
    problem: Any = config.problem.make()
    return problem_scoring(problem), problem.descriptor_bounds, {"problem": {"id": problem.id}}


def _score_agents(config: MapElitesRunConfig, executor: ExecutorConfig) -> tuple[ScoringFn, Any, dict[str, Any]]:
    generator: Any = config.problem.make()
    environment = generator.environment
    policy = config.policy.make(environment.interface)
    scoring = episode_scoring(
        environment,
        generator.simplest(),
        policy,
        executor.make(environment, policy, None),
        config.qd_offset or 0.0,
        config.search.extra,
    )
    return scoring, environment.descriptor_bounds, generator_identity(generator)
