"""POET: each iteration reproduces, trains and transfers.

Wang et al. 2019 (arXiv 1901.01753), with the transfer rule of Wang et al. 2020 (arXiv 2003.08536) as an option. Where
the released code differs from the paper's intention, this follows the intention: a score always belongs to the weights
that were evaluated, an environment that its genome fixes is scored with one episode, and a child that was admitted
before is a duplicate, not an error (docs/poet.md).
"""

import time
from collections.abc import Sequence

import jax
import numpy as np

from poet.agents.policy import Policy, check_params
from poet.envs.base import Generator
from poet.envs.interface import check_genome, generator_identity
from poet.errors import ConfigError
from poet.executors.base import Executor
from poet.jax_settings import pinned
from poet.learners.base import Learner
from poet.search.base import Info, Search
from poet.search.host import worst_if_not_finite
from poet.search.keys import PoetPhase
from poet.search.poet.config import PoetConfig
from poet.search.poet.context import Components, StepContext
from poet.search.poet.niches import admit, record_active
from poet.search.poet.reproduce import reproduce
from poet.search.poet.state import PoetState, editable_copy, empty_state
from poet.search.poet.train import train
from poet.search.poet.transfer import transfer
from poet.types import Genome, Key, Params, derive_key

HEADLINE = ("active", "admitted", "num_solved", "best_fitness")


@pinned()
def poet(
    config: PoetConfig,
    generator: Generator,
    policy: Policy,
    learner: Learner,
    executor: Executor,
    *,
    episodes: int = 1,
    start: Sequence[tuple[Genome, Params | None]] = (),
) -> Search[PoetState]:
    """The search for paired environments and agents.

    Args:
      config: the rules.
      generator: makes environments; `policy`, `learner`, `executor` make, improve and run agents in them.
      episodes: per candidate of a learner step.
      start: environments to begin with and their agents (None for random weights); by default the simplest one.

    Raises:
      ConfigError: for more starts than niches, or a start that is not valid by the generator's `check`.
      ContractError: for a generator that does not declare its `return_range` and `solved_return`.
      ShapeError: for a start of another genome or weight shape.
    """
    components = Components(config, generator, policy, learner, executor, episodes)
    start = start or [(generator.simplest(), None)]
    for genome, _ in start:
        check_genome(generator, genome)
    if len(start) > config.max_niches:
        raise ConfigError(
            f"expected at most search.max_niches {config.max_niches} environments to start with, got {len(start)}"
        )
    for _, params in start:
        if params is not None:
            check_params(policy, np.asarray(params), "the weights of a start")

    @pinned()
    def init(key: Key) -> PoetState:
        example = components.init_learner(key, np.zeros(policy.num_params, np.float32))
        genome = jax.tree.map(np.asarray, start[0][0])
        state = empty_state(key, genome, example, policy.num_params, len(generator.feature_names), config.max_niches)
        context = StepContext(components, state)
        for number, (genome, params) in enumerate(start):
            if params is None:
                params = policy.init(derive_key(key, PoetPhase.START, niche=number))
            admit(context, jax.tree.map(np.asarray, genome), np.asarray(params))
        return context.state

    @pinned()
    def step(state: PoetState) -> tuple[PoetState, Info]:
        began = time.perf_counter()
        context = StepContext(components, editable_copy(state))
        iteration = context.iteration
        if iteration > 0 and iteration % config.reproduce_every == 0:
            reproduce(context)
        metrics = train(context)
        if not np.isfinite(metrics["fitness"]).any():
            text = (
                "no agent has a finite score in its environment: check its rewards with "
                "poet.envs.testing.check_generator, or make the steps of the learner smaller"
            )
            context.log_stall(iteration + 1, text)
        if iteration % config.transfer_every == 0:
            transfer(context)
        record_active(context)
        context.state.iteration[...] += 1
        metrics["num_solved"] = int((context.state.history.solved[: metrics["admitted"]] >= 0).sum())
        metrics["best_fitness"] = float(worst_if_not_finite(np.array(metrics["fitness"])).max())
        timings = {**executor.timings(), "step_s": time.perf_counter() - began}
        return context.state, Info(tuple(context.events), metrics, context.artifacts, {}, timings)

    identity = {**generator_identity(generator), "thresholds": components.thresholds.returns}
    return Search(init, step, executor.close, HEADLINE, identity)
