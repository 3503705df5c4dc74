"""The MAP-Elites search that a run config describes."""

from typing import Any

from poet.archives.base import Archive
from poet.envs.config import GeneratorConfig
from poet.envs.interface import generator_identity
from poet.errors import ContractError
from poet.executors.base import Executor
from poet.executors.config import ExecutorConfig
from poet.executors.recipe import Recipe
from poet.search.base import RunContext, Search
from poet.search.map_elites.algorithm import MapElitesState, map_elites
from poet.search.map_elites.config import MapElitesRunConfig
from poet.search.map_elites.scoring import ScoringFn, episode_scoring, problem_scoring


def build(
    config: MapElitesRunConfig, context: RunContext, scoring: ScoringFn | None, archive: Archive | None
) -> Search[MapElitesState]:
    """The search; see `MapElitesRunConfig.make`."""
    executor_config = context.executor or config.executor
    executor: Executor | None = None
    identity: dict[str, Any] = {}
    if scoring is None:
        agents = isinstance(config.problem, GeneratorConfig)
        if agents:
            scoring, bounds, identity, executor = _score_agents(config, executor_config, context)
        else:
            scoring, bounds, identity = _score_solutions(config)
        archive = archive or config.archive.make(bounds)
    if archive is None:
        raise ContractError(
            "a user-defined scoring needs an archive with bounds of its descriptors: pass "
            "archive=GridConfig(...).make(bounds), or another archive"
        )
    if config.qd_offset is not None:
        scoring = scoring._replace(qd_offset=config.qd_offset)
    executor = executor or executor_config.make(None, context)
    return map_elites(config.search, archive, scoring, executor)._replace(identity=identity)


def _score_solutions(config: MapElitesRunConfig) -> tuple[ScoringFn, Any, dict[str, Any]]:
    problem: Any = config.problem.make()
    return problem_scoring(problem), problem.descriptor_bounds, {"problem": {"id": problem.id}}


def _score_agents(
    config: MapElitesRunConfig, executor_config: ExecutorConfig, context: RunContext
) -> tuple[ScoringFn, Any, dict[str, Any], Executor]:
    generator: Any = config.problem.make()
    environment = generator.environment
    recipe = Recipe(generator, config.policy, config.engine)
    executor, policy = executor_config.make(recipe, context), recipe.build().policy
    scoring = episode_scoring(
        environment, generator.simplest(), policy, executor, config.qd_offset or 0.0, config.search.extra
    )
    return scoring, environment.descriptor_bounds, generator_identity(generator), executor
