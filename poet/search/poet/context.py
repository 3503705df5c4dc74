"""What the phases of an iteration share: the compiled components, and the step that is being made."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from poet.agents.policy import Policy
from poet.envs.base import Generator
from poet.executors.base import Batch, Episode, Executor
from poet.learners.base import Learner
from poet.memory import require_memory
from poet.search.base import Record
from poet.search.host import get_item, jit_to_numpy
from poet.search.keys import PoetPhase
from poet.search.poet.config import PoetConfig
from poet.search.poet.state import PoetState, active_slots
from poet.search.stall import stall
from poet.search.thresholds import Thresholds
from poet.types import Genome, Key, PyTree, derive_key

Agent = Float[np.ndarray, "G"]


class Components:
    """The objects that a POET search is made of; functions of generator and learner are compiled once.

    The thresholds in `config` are returns. Raises `ContractError` for a generator without a scale of returns.
    """

    def __init__(
        self,
        config: PoetConfig,
        generator: Generator,
        policy: Policy,
        learner: Learner,
        executor: Executor,
        episodes: int,
    ) -> None:
        self.thresholds = Thresholds(config, generator)
        self.config = config = self.thresholds.config
        self.generator = generator
        self.policy = policy
        self.learner = learner
        self.executor = executor
        self.num_train_episodes = episodes  # per candidate
        require_memory(
            12 * config.max_niches * policy.num_params, f"search.max_niches {config.max_niches} with their agents"
        )
        require_memory(
            100 * config.eval_episodes * config.max_niches,
            f"search.eval_episodes {config.eval_episodes} in each of {config.max_niches} niches",
        )
        require_memory(1000 * config.num_children, f"search.num_children {config.num_children}")
        self.num_score_episodes = 1 if generator.deterministic else config.eval_episodes
        self.mutate = jit_to_numpy(generator.mutate)
        self.check = jit_to_numpy(generator.check)
        self.features = jit_to_numpy(generator.features)
        self.init_learner = jit_to_numpy(learner.init)
        self.with_params = jit_to_numpy(learner.with_params)

    def params(self, learner: PyTree) -> Agent:
        """The weights of a learner's agent."""
        return np.asarray(self.learner.params(learner))


class ActivePairs(NamedTuple):
    """The active pairs by age, the oldest first, with the episodes that score them."""

    slots: list[int]
    ids: list[int]
    agents: list[Agent]
    episodes: list[list[Episode]]


@dataclasses.dataclass
class StepContext:
    """One iteration in progress. Phases write into `state` and append to `events`."""

    components: Components
    state: PoetState
    events: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    artifacts: dict[str, Callable[[], Record]] = dataclasses.field(default_factory=dict)

    @property
    def iteration(self) -> int:
        """The number of the iteration in progress."""
        return int(self.state.iteration)

    def key(self, phase: PoetPhase, niche: int, source: int = 0, episode: int = 0) -> Key:
        """The key of a piece of work of this iteration; `niche` is what the comment of the phase names."""
        return derive_key(self.state.key, phase, self.iteration, niche, source, episode)

    def log_stall(self, occasion: int, text: str) -> None:
        """Append a journal row that says why nothing new came of an occasion; see `stall`."""
        self.events += stall(self.iteration, occasion, text)

    def log_event(self, event: str, **fields: Any) -> None:
        """Append a journal row."""
        self.events.append({"event": event, "iteration": self.iteration, **fields})

    def episodes_for(self, genome: Genome, phase: PoetPhase, name: int, num: int) -> list[Episode]:
        """`num` episodes of one genome; `name` is its niche or, for a child, its number."""
        return [Episode(genome, self.key(phase, name, episode=episode)) for episode in range(num)]

    def active_pairs(self) -> ActivePairs:
        """The active pairs as they are now."""
        niches, num = self.state.niches, self.components.num_score_episodes
        slots = active_slots(niches)
        ids = [int(niches.id[slot]) for slot in slots]
        agents = [self.components.params(get_item(niches.learner, slot)) for slot in slots]
        genomes = [get_item(niches.genome, slot) for slot in slots]
        episodes = [self.episodes_for(g, PoetPhase.SCORE_EPISODE, id, num) for g, id in zip(genomes, ids)]
        return ActivePairs(slots, ids, agents, episodes)

    def evaluate(
        self, agents: Sequence[Agent], episodes: Sequence[list[Episode]], pairs: Sequence[tuple[int, int]]
    ) -> tuple[Float[np.ndarray, "K"], Bool[np.ndarray, "K"]]:
        """Mean score of each of K pairs of indices into `agents` and `episodes`, and whether all reached the goal."""
        if not pairs:
            return np.zeros(0, np.float32), np.zeros(0, bool)
        starts = np.cumsum([0, *map(len, episodes)])
        expanded = [(agent, int(starts[group]) + e) for agent, group in pairs for e in range(len(episodes[group]))]
        batch = Batch(np.stack(agents), [e for group in episodes for e in group], np.array(expanded))
        result = self.components.executor.evaluate(batch)
        self.count(int(result.length.sum()), len(expanded))
        cuts = np.cumsum([len(episodes[group]) for _, group in pairs])[:-1]
        scores = [part.mean(dtype=np.float32) for part in np.split(result.fitness, cuts)]
        reached = [bool((part >= 1).all()) for part in np.split(result.success, cuts)]
        return np.array(scores, np.float32), np.array(reached)

    def count(self, num_steps: int, num_episodes: int) -> None:
        """Add to the totals of the run."""
        self.state.env_steps[...] += num_steps
        self.state.episodes[...] += num_episodes
