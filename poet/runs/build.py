"""From a config to a search: the one place that knows which parts go together."""

import functools
from collections.abc import Sequence
from typing import Any

from poet.agents.policy import mlp
from poet.archives.base import Archive
from poet.archives.config import make
from poet.envs.base import Generator
from poet.envs.registry import GeneratorConfig
from poet.errors import ContractError
from poet.executors.local import local
from poet.learners.config import ESConfig
from poet.learners.es import es
from poet.runs.config import Config, MapElitesRun, PairsRun, PoetRun
from poet.search.base import Search
from poet.search.map_elites.scoring import Scoring, of_agents, of_problem
from poet.search.map_elites.search import map_elites
from poet.search.pairs.search import feature_places, pairs
from poet.search.poet.search import poet
from poet.types import Genome, Params


@functools.singledispatch
def build(config: Config, **parts: Any) -> Search:
    """The search that a config describes, by its class; `parts` take the place of what the config names.

    `build.register` takes the function for a class of one's own.
    """
    raise ContractError(
        f"there is no search for a {type(config).__name__}: write a function that makes one of this config, "
        "and decorate it with poet.build.register"
    )


@build.register
def poet_run(
    config: PoetRun, *, generator: Generator | None = None, start: Sequence[tuple[Genome, Params | None]] = ()
) -> Search:
    """POET; `generator` instead of the config's own, environments to `start` with instead of its simplest."""
    generator = generator or config.generator.make()
    policy = mlp(generator.environment.interface, config.policy)
    learner = es(config.es, policy.num_params)
    executor = local(generator.environment, policy, learner, config.execution)
    return poet(config.search, generator, policy, learner, executor, episodes=config.es.episodes, start=start)


@build.register
def map_elites_run(config: MapElitesRun, *, scoring: Scoring | None = None, archive: Archive | None = None) -> Search:
    """MAP-Elites; `scoring` (one's own jitted function, say) and `archive` instead of what the config names.

    Raises `ContractError` for a `scoring` without an archive: only a problem knows its descriptors' bounds.
    """
    if scoring is None:
        scoring, bounds = _scoring(config)
        archive = archive or make(config.archive.spec(bounds))
    if archive is None:
        raise ContractError(
            "a scoring of one's own needs an archive: pass archive=poet.archives.make({...}) with its bounds"
        )
    if config.offset is not None:
        scoring = scoring._replace(offset=config.offset)
    return map_elites(config.search, archive, scoring, config.execution.devices)


@build.register
def pairs_run(config: PairsRun, *, generator: Generator | None = None) -> Search:
    """MAP-Elites over pairs; `generator` instead of the config's own."""
    generator = generator or config.generator.make()
    policy = mlp(generator.environment.interface, config.policy)
    learner = es(config.es, policy.num_params)
    executor = local(generator.environment, policy, learner, config.execution)
    bounds = [generator.feature_bounds[place] for place in feature_places(generator, config.search.features)]
    return pairs(config.search, generator, policy, learner, executor, make(config.archive.spec(bounds)))


def _scoring(config: MapElitesRun) -> tuple[Scoring, Sequence[Sequence[float]]]:
    if not isinstance(config.problem, GeneratorConfig):
        problem = config.problem.make()
        return of_problem(problem), problem.descriptor_bounds
    generator = config.problem.make()
    environment = generator.environment
    policy = mlp(environment.interface, config.policy)
    executor = local(environment, policy, es(ESConfig(), policy.num_params), config.execution)
    scoring = of_agents(environment, generator.simplest(), policy, executor, config.offset or 0.0)
    return scoring, environment.descriptor_bounds  # pyright: ignore[reportAttributeAccessIssue]
