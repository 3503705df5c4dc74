"""The POET search: reproduce, optimise, transfer, once a tick.

Wang et al. 2019 (arXiv 1901.01753), with the transfer rule of Wang et al. 2020 (arXiv 2003.08536) as a choice.
Where the release differs from what it meant, this follows the meaning: a score always belongs to the weights at
hand, an environment fixed by its genome is scored once, and one that comes up again is a duplicate, not an error.
"""

import time
from collections.abc import Sequence

import jax
import numpy as np

from poet.agents.policy import Policy, check_params
from poet.envs.base import Generator
from poet.errors import ConfigError, ShapeError
from poet.executors.base import Executor, Task
from poet.learners.base import Learner
from poet.search.base import Info, Search
from poet.search.poet.config import PoetConfig
from poet.search.poet.reproduce import admission, reproduce
from poet.search.poet.state import State, active, editable, empty, row, write
from poet.search.poet.tick import Parts, Phase, Tick, push
from poet.search.poet.transfer import transfer
from poet.types import Genome, Key, Params, derive


def poet(
    config: PoetConfig,
    generator: Generator,
    policy: Policy,
    learner: Learner,
    executor: Executor,
    *,
    episodes: int = 1,
    start: Sequence[tuple[Genome, Params | None]] = (),
) -> Search:
    """Paired environments and agents.

    Args:
      config: the rules.
      generator: makes environments; `policy`, `learner`, `executor` make, improve and run agents in them.
      episodes: per candidate of a learner step.
      start: environments to begin with and their agents (None for fresh weights); by default the simplest one.

    Raises:
      ConfigError: for more starts than niches, or a start that the generator calls invalid.
      ShapeError: for a start of another genome or weight shape.
    """
    parts = Parts(config, generator, policy, learner, executor, episodes)
    start = [(_checked(generator, genome), params) for genome, params in start] or [(generator.simplest(), None)]
    if len(start) > config.max_niches:
        raise ConfigError(f"{len(start)} environments to start with, but search.max_niches is {config.max_niches}")
    for _, params in start:
        if params is not None:
            check_params(policy, np.asarray(params), "the weights of a start")

    def init(key: Key) -> State:
        example = parts.init_learner(key, np.zeros(policy.num_params, np.float32))
        genome = jax.tree.map(np.asarray, start[0][0])
        state = empty(key, genome, example, policy.num_params, len(generator.feature_names), config.max_niches)
        tick = Tick(parts, state)
        for number, (genome, params) in enumerate(start):
            if params is None:
                params = policy.init(derive(key, Phase.START, number))
            tick.admit(jax.tree.map(np.asarray, genome), np.asarray(params), -1, -1, "start", np.nan, np.nan)
        return tick.state

    def step(state: State) -> tuple[State, Info]:
        began = time.perf_counter()
        tick = Tick(parts, editable(state))
        iteration = int(state.iteration)
        if iteration > 0 and iteration % config.reproduce_every == 0:
            reproduce(tick)
        _optimise(tick)
        if iteration % config.transfer_every == 0:
            transfer(tick)
        records = tick.left | {int(tick.state.niches.id[slot]): tick.record(slot) for slot in active(tick.state.niches)}
        tick.state.iteration[...] += 1
        wall = {**executor.wall(), "step_s": time.perf_counter() - began}
        return tick.state, Info(tuple(tick.events), records, wall)

    return Search(init, step)


def _optimise(tick: Tick) -> None:
    """One learner step of every active pair; the score in its row is that of the agent as it came in."""
    parts, niches, ever = tick.parts, tick.state.niches, tick.state.ever
    slots = active(niches)
    tasks = []
    for slot in slots:
        niche, genome = int(niches.id[slot]), row(niches.genome, slot)
        tasks.append(
            Task(
                row(niches.learner, slot),
                tick.key(Phase.OPTIMISE, niche),
                tick.grounds(genome, Phase.GROUND, niche, parts.episodes),
                tick.grounds(genome, Phase.SCORE, niche, parts.scored),
            )
        )
    progress = parts.executor.optimise(tasks)
    columns: dict[str, list] = {name: [] for name in ("niches", "fitness", "best", "mean", "length")}
    for slot, task, done in zip(slots, tasks, progress):
        niche = int(niches.id[slot])
        score, reached = float(done.score.fitness.mean(dtype=np.float32)), bool((done.score.success >= 1).all())
        niches.recent[slot], niches.reached[slot] = push(niches.recent[slot], score), reached
        tick.note(slot, score, reached, parts.params(task.learner))
        if ever.via[niche] == 0 and tick.state.iteration == 0:
            ever.admission_fitness[niche] = score
            tick.tell("admission", **admission(tick, niche))

        finite = done.fitness[np.isfinite(done.fitness)]
        if len(finite) < len(done.fitness):
            tick.tell("broken", niche=niche, what="fitness", count=len(done.fitness) - len(finite))
        if np.isfinite(parts.params(done.learner)).all():
            write(niches.learner, slot, done.learner)
        else:
            tick.tell(
                "broken", niche=niche, what="weights", count=int(np.sum(~np.isfinite(parts.params(done.learner))))
            )
        rates = parts.learner.rates(task.learner)
        for name, value in {
            "niches": niche,
            "fitness": score,
            "best": float(niches.best[slot]),
            "mean": float(finite.mean()) if len(finite) else float("nan"),
            "length": done.steps / done.episodes,
            **{name: float(rate) for name, rate in rates.items()},
        }.items():
            columns.setdefault(name, []).append(value)
    tick.count(sum(done.steps for done in progress), sum(done.episodes for done in progress))
    totals = {"env_steps": int(tick.state.env_steps), "episodes": int(tick.state.episodes)}
    tick.tell("iteration", **totals, **columns, active=len(slots), ever=int(ever.num))


def _checked(generator: Generator, genome: Genome) -> Genome:
    wanted, got = generator.simplest(), genome
    shapes = [[(np.shape(leaf), np.asarray(leaf).dtype) for leaf in jax.tree.leaves(tree)] for tree in (wanted, got)]
    if jax.tree.structure(wanted) != jax.tree.structure(got) or shapes[0] != shapes[1]:
        raise ShapeError(f"expected a genome of {generator.id} like {wanted}, got {got}")
    valid, reason = generator.check(got)
    if not valid:
        raise ConfigError(f"a start is no valid genome of {generator.id}: {generator.reasons[int(reason)]}; got {got}")
    return got
