"""One tick of a POET run in the making: the state it may write into, its events, and what all phases share."""

import dataclasses
import enum
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from poet.agents.policy import Policy
from poet.envs.base import Generator
from poet.executors.base import Executor, Ground
from poet.learners.base import Learner
from poet.search.base import NicheRecord
from poet.search.poet.config import PoetConfig
from poet.search.poet.state import RECENT, VIA, State, active, row, with_room, write
from poet.types import Genome, Key, Params, PyTree, derive


class Phase(enum.IntEnum):
    """First part of every key, one for each use of randomness."""

    START = 0
    OPTIMISE = 1
    GROUND = 2
    SCORE = 3
    PARENT = 4
    MUTATE = 5
    CHILD_SCORE = 6
    CHILD_GROUND = 7
    SEED = 8
    PROPOSE = 9
    INSTALL = 10


class Parts:
    """What a POET search is made of, with the generator's and learner's functions compiled once."""

    def __init__(
        self,
        config: PoetConfig,
        generator: Generator,
        policy: Policy,
        learner: Learner,
        executor: Executor,
        episodes: int,
    ) -> None:
        self.config, self.generator, self.policy, self.learner, self.executor = (
            config,
            generator,
            policy,
            learner,
            executor,
        )
        self.episodes = episodes  # per candidate
        self.scored = 1 if generator.deterministic else config.eval_episodes
        self.mutate = _on_host(generator.mutate)
        self.check = _on_host(generator.check)
        self.features = _on_host(generator.features)
        self.init_learner = _on_host(learner.init)
        self.with_params = _on_host(learner.with_params)
        self.words: dict[int, dict[str, Any]] = {}  # genomes in words, by niche: they never change

    def params(self, learner: PyTree) -> np.ndarray:
        """Weights of an agent as numpy."""
        return np.asarray(self.learner.params(learner))


@dataclasses.dataclass
class Tick:
    """A step under way. Phases read and write `state`, and append to `events`."""

    parts: Parts
    state: State
    events: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    left: dict[int, NicheRecord] = dataclasses.field(default_factory=dict)

    def key(self, phase: Phase, *identity: int) -> Key:
        """The key of (phase, iteration, niche, source, episode)."""
        return derive(self.state.key, phase, int(self.state.iteration), *identity)

    def tell(self, event: str, **fields: Any) -> None:
        """Append a journal row."""
        self.events.append({"event": event, "iteration": int(self.state.iteration), **fields})

    def grounds(self, genome: Genome, phase: Phase, name: int, num: int) -> list[Ground]:
        """`num` worlds of one genome; `name` is its niche or, for a child, its trial."""
        return [Ground(genome, self.key(phase, name, 0, episode)) for episode in range(num)]

    def at_home(self) -> tuple[list[int], list[int], list[np.ndarray], list[list[Ground]]]:
        """Active niches by age: their slots, ids, agents as they are now, and the worlds that score them."""
        niches = self.state.niches
        slots = active(niches)
        ids = [int(niches.id[slot]) for slot in slots]
        worlds = [self.grounds(row(niches.genome, s), Phase.SCORE, i, self.parts.scored) for s, i in zip(slots, ids)]
        return slots, ids, [self.params(slot) for slot in slots], worlds

    def evaluate(
        self, agents: Sequence[np.ndarray], worlds: Sequence[list[Ground]], pairs: Sequence[tuple[int, int]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean score f32 of each (agent, world) pair, and whether it reached the goal every time."""
        if not pairs:
            return np.zeros(0, np.float32), np.zeros(0, bool)
        starts = np.cumsum([0, *(len(world) for world in worlds)])
        grounds = [ground for world in worlds for ground in world]
        each = [(agent, int(starts[world]) + e) for agent, world in pairs for e in range(len(worlds[world]))]
        result = self.parts.executor.evaluate(agents, grounds, each)
        self.count(int(result.length.sum()), len(each))
        cuts = np.cumsum([len(worlds[world]) for _, world in pairs])[:-1]
        scores = [part.mean(dtype=np.float32) for part in np.split(result.fitness, cuts)]
        reached = [bool((part >= 1).all()) for part in np.split(result.success, cuts)]
        return np.array(scores, np.float32), np.array(reached)

    def count(self, steps: int, episodes: int) -> None:
        """Add to the run's totals."""
        self.state.env_steps[...] += steps
        self.state.episodes[...] += episodes

    def params(self, slot: int) -> np.ndarray:
        """Weights of a niche's agent now."""
        return self.parts.params(row(self.state.niches.learner, slot))

    def note(self, slot: int, score: float, reached: bool, params: np.ndarray) -> None:
        """Keep a niche's best agent, and the moment in which it was first solved."""
        niches, ever = self.state.niches, self.state.ever
        if score > niches.best[slot]:
            niches.best[slot] = score
            niches.best_params[slot] = params
        niche = int(niches.id[slot])
        if score >= self.parts.config.solved and reached and ever.solved[niche] < 0:
            ever.solved[niche] = self.state.iteration
            self.tell("milestone", niche=niche, kind="solved", fitness=float(score))

    def install(self, slot: int, params: Params, *source: int) -> None:
        """Give a niche other weights and a fresh optimiser."""
        niche = int(self.state.niches.id[slot])
        write(
            self.state.niches.learner,
            slot,
            self.parts.init_learner(self.key(Phase.INSTALL, niche, *source), params),
        )

    def admit(
        self, genome: Genome, params: Params, parent: int, agent_from: int, via: str, fitness: float, novelty: float
    ) -> int:
        """Open a niche, retiring the oldest if there is no room; returns its id."""
        ever = with_room(self.state.ever)
        self.state = self.state._replace(ever=ever)
        niches = self.state.niches
        if not (niches.id < 0).any():
            self.retire(active(niches)[0])
        slot = int(np.flatnonzero(niches.id < 0)[0])
        niche = int(ever.num)
        ever.num[...] += 1
        write(ever.genome, niche, genome)
        ever.features[niche] = self.parts.features(genome)
        ever.parent[niche], ever.agent_from[niche], ever.via[niche] = parent, agent_from, VIA.index(via)
        ever.born[niche], ever.retired[niche], ever.solved[niche] = self.state.iteration, -1, -1
        ever.admission_fitness[niche], ever.novelty[niche] = fitness, novelty
        niches.id[slot] = niche
        write(niches.genome, slot, genome)
        niches.recent[slot], niches.reached[slot], niches.best[slot] = np.nan, False, -np.inf
        niches.best_params[slot] = niches.admission_params[slot] = np.asarray(params)
        self.install(slot, params)
        return niche

    def retire(self, slot: int) -> None:
        """Close a niche; its environment and agents stay on record."""
        niches, ever = self.state.niches, self.state.ever
        niche = int(niches.id[slot])
        ever.retired[niche] = self.state.iteration
        record = self.record(slot)
        self.left[niche] = record._replace(agents={**record.agents, "retirement": record.agents["current"]})
        age = int(self.state.iteration - ever.born[niche])
        fitness, solved = float(niches.recent[slot, -1]), bool(ever.solved[niche] >= 0)
        self.tell("retirement", niche=niche, age=age, fitness=fitness, solved=solved)
        niches.id[slot] = -1

    def words(self, niche: int) -> dict[str, Any]:
        """A genome as JSON, words and named numbers."""
        if niche not in self.parts.words:
            generator, ever = self.parts.generator, self.state.ever
            genome = row(ever.genome, niche)
            features = {name: float(value) for name, value in zip(generator.feature_names, ever.features[niche])}
            classify = getattr(generator, "difficulty_class", lambda genome: "")
            self.parts.words[niche] = {
                "genome": generator.to_json(genome),
                "description": generator.describe(genome),
                "features": features,
                "difficulty": classify(genome),
            }
        return self.parts.words[niche]

    def record(self, slot: int) -> NicheRecord:
        """What is kept on disk of a niche."""
        niches, ever = self.state.niches, self.state.ever
        niche = int(niches.id[slot])
        meta = {
            "id": niche,
            **self.words(niche),
            "parent": _none_below_zero(ever.parent[niche]),
            "agent_from": _none_below_zero(ever.agent_from[niche]),
            "via": VIA[int(ever.via[niche])],
            "born": int(ever.born[niche]),
            "retired": _none_below_zero(ever.retired[niche]),
            "solved": _none_below_zero(ever.solved[niche]),
            "admission_fitness": _none_if_not_finite(ever.admission_fitness[niche]),
            "novelty": _none_if_not_finite(ever.novelty[niche]),
            "fitness": _none_if_not_finite(niches.recent[slot, -1]),
            "best": _none_if_not_finite(niches.best[slot]),
            "iteration": int(self.state.iteration),
        }
        agents = {
            "admission": niches.admission_params[slot].copy(),
            "best": niches.best_params[slot].copy(),
            "current": self.params(slot),
        }
        return NicheRecord(meta, agents)


def worst_if_not_finite(scores: np.ndarray) -> np.ndarray:
    """Scores that can be compared: NaN and infinities rank below everything."""
    return np.where(np.isfinite(scores), scores, -np.inf)


def push(recent: np.ndarray, score: float) -> np.ndarray:
    """Recent scores with one more at the end."""
    return np.append(recent, np.float32(score))[-RECENT:]


def _on_host(function: Any) -> Any:
    compiled = jax.jit(function)
    return lambda *args: jax.tree.map(np.asarray, compiled(*args))


def _none_below_zero(value: Any) -> int | None:
    return None if value < 0 else int(value)


def _none_if_not_finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
