"""What the parts of an iteration share: the compiled components, and the iteration that is in progress.

Axes: B batch, D descriptor.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, UInt32

from poet.agents.policy import Policy
from poet.archives.base import Archive, Entries
from poet.archives.layout import check_objectives, num_rows
from poet.envs.base import Generator
from poet.errors import ConfigError, unknown
from poet.executors.base import Episode, Executor
from poet.learners.base import Learner
from poet.memory import require_memory
from poet.search.host import jit_to_numpy
from poet.search.keys import PairedPhase
from poet.search.paired_map_elites.archive import PairArchive
from poet.search.paired_map_elites.config import PairedMapElitesConfig
from poet.search.paired_map_elites.state import PairedMapElitesState, Source
from poet.search.stall import stall
from poet.search.thresholds import Thresholds
from poet.types import Genome, Key, PyTree, derive_key

COUNTS = ("added", "improved", "rejected", "not_finite", "out_of_bounds", "clipped")


def feature_indices(generator: Generator, names: Sequence[str]) -> list[int]:
    """Positions of the named features among those of the generator; all positions if `names` is empty.

    Raises `ConfigError` for a name that the generator does not have.
    """
    known = list(generator.feature_names)
    for name in names:
        if name not in known:
            advice = f"choose features with search.features, as --search.features {' '.join(known[: len(names)])}"
            raise ConfigError(f"{unknown(f'feature of {generator.id}:', name, known)} To run with it, {advice}")
    return [known.index(name) for name in names] if names else list(range(len(known)))


class Components:
    """The objects that the search is made of, with their functions compiled once.

    The thresholds in `config` are returns. Raises `ConfigError` for features that the generator does not have, for an
    archive of several objectives, and for a selection that the archive cannot have, and `ContractError` for a generator
    without a scale of returns.
    """

    def __init__(
        self,
        config: PairedMapElitesConfig,
        generator: Generator,
        policy: Policy,
        learner: Learner,
        executor: Executor,
        archive: Archive,
        episodes: int = 1,
    ) -> None:
        check_objectives(archive.spec, 1)
        rows = num_rows(archive.spec)
        require_memory(4 * rows * policy.num_params, f"an archive of {rows} elites of {policy.num_params} weights")
        require_memory(12 * config.trainees * policy.num_params, f"search.trainees {config.trainees} with their agents")
        candidates = config.children * (1 + config.variants + config.neighbours)
        require_memory(
            candidates * (4 * policy.num_params + 100 * config.eval_episodes),
            f"search.children {config.children} with search.variants {config.variants}, search.neighbours "
            f"{config.neighbours} and search.eval_episodes {config.eval_episodes}",
        )
        self.thresholds = Thresholds(config, generator)
        self.config, self.generator, self.policy = self.thresholds.config, generator, policy
        self.learner, self.executor = learner, executor
        self.trains_elites = config.trainees_from == "elites"
        self.num_train_episodes = episodes  # per candidate
        self.num_score_episodes = 1 if generator.deterministic else config.eval_episodes
        self.simplest = jax.tree.map(np.asarray, generator.simplest())
        remembered = learner if self.trains_elites else None
        self.pairs = PairArchive(archive, config.selection.make(), self.simplest, policy.num_params, remembered)
        self.archive = self.pairs.archive
        self.init_learner = jit_to_numpy(learner.init)
        self.with_params = jit_to_numpy(learner.with_params)
        self._feature_indices = feature_indices(generator, config.features)
        self._mutate = jit_to_numpy(jax.vmap(generator.mutate, in_axes=(0, 0, None)))
        self._check = jit_to_numpy(jax.vmap(generator.check))
        self._features = jit_to_numpy(jax.vmap(generator.features))

    def admits(self, fitness: float, solved: bool) -> bool:
        """Whether a pair with this score may be an elite."""
        return solved or (self.trains_elites and bool(fitness >= self.config.training_score))

    @property
    def descriptor_names(self) -> list[str]:
        """The coordinates of the archive."""
        return [self.generator.feature_names[index] for index in self._feature_indices]

    def mutate(self, keys: jax.Array, genomes: Genome) -> Genome:
        """One child of each of B genomes, with NumPy leaves."""
        return self._mutate(keys, genomes, self.config.mutation_strength)

    def check(self, genomes: Genome) -> tuple[Bool[np.ndarray, "B"], Int[np.ndarray, "B"]]:
        """Whether each of B genomes is valid, and the number of the reason."""
        return self._check(genomes)

    def descriptors(self, genomes: Genome) -> Float[np.ndarray, "B D"]:
        """The coordinates in the archive of each of B genomes."""
        return self._features(genomes)[:, self._feature_indices]


@dataclasses.dataclass
class StepContext:
    """One iteration in progress. Its parts write into `state` and append to `events`."""

    components: Components
    state: PairedMapElitesState  # an editable copy
    events: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    num_offers: int = 0  # pairs offered to the archive so far: the second word of the next id
    counts: dict[str, int] = dataclasses.field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    counts_by_source: dict[str, dict[str, int]] = dataclasses.field(
        default_factory=lambda: {source.label: {"added": 0, "improved": 0} for source in Source}
    )
    trainee_scores: list[float] = dataclasses.field(default_factory=list)

    @property
    def iteration(self) -> int:
        """The number of the iteration in progress."""
        return int(self.state.iteration)

    def key(self, phase: PairedPhase, niche: int, source: int = 0, episode: int = 0) -> Key:
        """The key of a piece of work of this iteration; `niche` is what the comment of the phase names."""
        return derive_key(self.state.key, phase, self.iteration, niche, source, episode)

    def episodes_for(self, genome: Genome, phase: PairedPhase, niche: int, num: int) -> list[Episode]:
        """`num` episodes of one genome; `niche` as for `key`."""
        return [Episode(genome, self.key(phase, niche, episode=episode)) for episode in range(num)]

    def elites(self) -> Entries:
        """The elites in the archive now, as NumPy arrays in the order of its rows, without states of learners."""
        rows = self.components.pairs.rows(self.state.archive)
        return jax.tree.map(lambda leaf: leaf[rows.valid], rows)

    def count(self, num_steps: int, num_evaluations: int) -> None:
        """Add to the totals of the run."""
        self.state.env_steps[...] += num_steps
        self.state.evaluations[...] += num_evaluations

    def log_stall(self, text: str) -> None:
        """Append a journal row that says why nothing new came of this iteration; see `stall`."""
        self.events += stall(self.iteration, self.iteration + 1, text)

    def log_event(self, event: str, **fields: Any) -> None:
        """Append a journal row."""
        self.events.append({"event": event, "iteration": self.iteration, **fields})


def continued_learner(
    context: StepContext, key: Key, id: UInt32[np.ndarray, "2"], params: Float[np.ndarray, "G"]
) -> PyTree:
    """The learner that the elite of this id remembers, with the weights of an agent for another environment.

    None where elites remember no learners.
    """
    components = context.components
    if not components.trains_elites:
        return None
    return components.with_params(key, components.pairs.learner_of(context.state.archive, id), params)


def nearest_elites(
    context: StepContext, elites: Entries, descriptor: Float[np.ndarray, "D"], excluded: int | None = None
) -> list[int]:
    """Rows of the `config.neighbours` elites nearest to a descriptor, the nearest first, without row `excluded`.

    Distances are Euclidean, with each coordinate in units of its bounds.
    """
    low, high = np.array(context.components.archive.spec["bounds"], np.float32).T
    distance = np.square((elites.descriptor - descriptor) / (high - low)).sum(1)
    rows = [int(row) for row in np.argsort(distance, kind="stable") if row != excluded]
    return rows[: context.components.config.neighbours]
