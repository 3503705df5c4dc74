"""From a config to a search: the one place that knows which parts go together."""

from collections.abc import Sequence

from envs.base import Generator
from poet.agents.policy import mlp
from poet.executors.local import local
from poet.learners.es import es
from poet.runs.config import Config
from poet.search.base import Search
from poet.search.poet.search import poet
from poet.types import Genome, Params


def build(
    config: Config, *, generator: Generator | None = None, start: Sequence[tuple[Genome, Params | None]] = ()
) -> Search:
    """The search that a config describes; `generator` takes the place of the config's own. Imports jax."""
    generator = generator or config.generator.make()
    policy = mlp(generator.environment.interface, config.policy)
    learner = es(config.es, policy.num_params)
    executor = local(generator.environment, policy, learner, config.execution)
    return poet(config.search, generator, policy, learner, executor, episodes=config.es.episodes, start=start)
