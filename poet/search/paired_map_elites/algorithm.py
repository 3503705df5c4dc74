"""MAP-Elites whose elites are pairs: a solved environment with the agent that solves it.

The features of the environment determine the cell of a pair, the score of the agent is its fitness. Each iteration
mutates environments of elites and tries agents in these children. A solved child enters the archive with its solver. An
unsolved child that would fill a free cell, and in which an agent scores well enough, gets a slot for training: the
agent takes one learner step in each iteration until it solves the environment, or until the environment is given up.
At the start, an agent is trained in the simplest environment of the generator, and the archive is empty.

With `trainees_from="elites"` this is Go-Explore over pairs: the archive has unsolved pairs too, each with the state of
its learner, and the slots for training go to elites that the selection draws. So cells are remembered, chosen, returned
to and explored from, by mutation and by training, as in Ecoffet et al. 2021 (arXiv 2004.12919).

Pairs, learner and transfer are from POET (Wang et al. 2019, arXiv 1901.01753), the archive and the variation of agents
from MAP-Elites (Mouret and Clune 2015, arXiv 1504.04909; Vassiliades and Mouret 2018, arXiv 1804.03906).
"""

import functools
import time
from typing import Any

import numpy as np

from poet.agents.policy import Policy
from poet.archives.base import Archive, Entries
from poet.archives.stats import summary
from poet.envs.base import Generator
from poet.envs.interface import check_genome, generator_identity
from poet.envs.returns import return_scale
from poet.errors import ConfigError
from poet.executors.base import Executor
from poet.jax_settings import pinned
from poet.learners.base import AskTellLearner, Learner, StepLearner
from poet.search.base import Info, Record, Search
from poet.search.elites import elites_record
from poet.search.keys import PairedPhase
from poet.search.paired_map_elites.config import PairedMapElitesConfig
from poet.search.paired_map_elites.context import Components, StepContext
from poet.search.paired_map_elites.insert import insert
from poet.search.paired_map_elites.reproduce import reproduce
from poet.search.paired_map_elites.state import PairedMapElitesState, editable_copy, init_trainees
from poet.search.paired_map_elites.train import return_to_elites, start_training, train
from poet.search.paired_map_elites.transfer import transfer
from poet.typed_config import check_value
from poet.types import Key, derive_key

HEADLINE = ("coverage", "qd_score", "trainee_best", "best")
HEADLINE_OF_RETURNS = ("elites", "solved", "trainee_best", "best")


@pinned()
def paired_map_elites(
    config: PairedMapElitesConfig,
    generator: Generator,
    policy: Policy,
    learner: Learner,
    executor: Executor,
    archive: Archive,
    *,
    episodes: int = 1,
) -> Search[PairedMapElitesState]:
    """An archive of solved environments with their solvers.

    Args:
      config: the rules.
      generator: makes environments; `policy`, `learner`, `executor` make, train and run agents in them.
      archive: of one objective; its descriptor is `config.features` of the generator. A payload is
        {"genome": leaves of the generator, "params": f32[G]}, with "learner", a state of the learner, where trainees
        are elites.
      episodes: per candidate of a learner step.

    Raises:
      ConfigError: for features that the generator does not have, an archive of several objectives, a selection that
        it cannot have, or a generator whose simplest environment is not valid.
      ContractError: for a generator that does not declare its `return_range` and `solved_return`.
    """
    if callable(getattr(generator, "simplest", None)):
        return_scale(generator)  # names what is missing, which the check of the whole protocol does not
    for name, kind, value in (
        ("config", PairedMapElitesConfig, config),
        ("generator", Generator, generator),
        ("policy", Policy, policy),
        ("learner", AskTellLearner | StepLearner, learner),
        ("executor", Executor, executor),
        ("archive", Archive, archive),
        ("episodes", int, episodes),
    ):
        check_value(name, kind, value)
    if episodes < 1:
        raise ConfigError(f"episodes expects at least 1, got {episodes}")
    components = Components(config, generator, policy, learner, executor, archive, episodes)
    check_genome(generator, components.simplest)

    @pinned()
    def init(key: Key) -> PairedMapElitesState:
        params = policy.init(derive_key(key, PairedPhase.START))
        first = components.init_learner(derive_key(key, PairedPhase.START_LEARNER), params)
        trainees = init_trainees(components.simplest, first, config.trainees)
        zero = np.array(0, np.int64)
        return PairedMapElitesState(key, zero, zero, zero, components.pairs.init(), trainees, first)

    @pinned()
    def step(state: PairedMapElitesState) -> tuple[PairedMapElitesState, Info]:
        began = time.perf_counter()
        context = StepContext(components, editable_copy(state))
        trained = train(context)
        insert(context, trained)
        offspring = reproduce(context)
        offers = offspring.solved
        if components.trains_elites:
            offers = [*offers, *(child.offer for child in offspring.promising)]
        insert(context, offers)
        transfer(context, [*trained, *offers])
        if components.trains_elites:
            return_to_elites(context)
        else:
            start_training(context, offspring.promising)
        _explain_empty_archive(context)
        context.state.iteration[...] += 1

        rows = components.pairs.rows(context.state.archive)
        snapshots = {"elites": functools.partial(_elites_record, components, context.state, rows)}
        metrics = _metrics(context, rows)
        timings = {**executor.timings(), "step_s": time.perf_counter() - began}
        return context.state, Info(tuple(context.events), metrics, {}, snapshots, timings)

    identity = {**generator_identity(generator), "thresholds": components.thresholds.returns}
    headline = HEADLINE_OF_RETURNS if components.trains_elites else HEADLINE
    return Search(init, step, executor.close, headline, identity)


def _explain_empty_archive(context: StepContext) -> None:
    if len(context.elites().fitness):
        return
    thresholds, returns = context.components.thresholds, context.components.trains_elites
    needed = thresholds.describe("training_score") if returns else f"{thresholds.describe('solved_score')} and the goal"
    context.log_stall(
        f"the archive is empty: no agent reaches {needed} in an environment; "
        f"{thresholds.describe_best(np.array(context.trainee_scores))}. Lower that threshold, let the learner take "
        "larger steps, or start from a simpler environment"
    )


def _metrics(context: StepContext, rows: Entries) -> dict[str, Any]:
    components, state = context.components, context.state
    numbers = summary(components.archive.spec, rows)
    solved: dict[str, Any] = {}
    if components.trains_elites:
        solved = {"elites": int(rows.valid.sum()), "solved": int(rows.extra["solved"][rows.valid].sum())}
    return {
        "env_steps": int(state.env_steps),
        "evaluations": int(state.evaluations),
        **{name: float(getattr(numbers, name)) for name in ("coverage", "qd_score", "best", "mean")},
        "trainees": int((state.trainees.age >= 0).sum()),
        "trainee_best": max(filter(np.isfinite, context.trainee_scores), default=None),
        "solved_score": components.thresholds.solved_score,
        **solved,
        **context.counts,
        "emitters": context.counts_by_source,
    }


def _elites_record(components: Components, state: PairedMapElitesState, rows: Entries) -> Record:
    return elites_record(
        components.archive,
        rows,
        iteration=int(state.iteration),
        evaluations=int(state.evaluations),
        descriptor_names=components.descriptor_names,
        fitness_bounds=None,
        problem={"id": components.generator.id},
    )
