"""From a config to a search: the one place that knows which parts go together."""

import functools
from collections.abc import Sequence
from typing import Any

from envs.base import Generator
from poet.agents.policy import mlp
from poet.errors import ContractError
from poet.executors.local import local
from poet.learners.es import es
from poet.runs.config import Config, PoetRun
from poet.search.base import Search
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
