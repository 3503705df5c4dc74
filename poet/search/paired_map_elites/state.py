"""What the search carries from one iteration to the next, and what its parts pass to each other.

Axes: K slots for trainees, G parameters.
"""

import enum
from typing import NamedTuple

import jax
import numpy as np

from poet.archives.layout import NO_PARENT
from poet.types import Genome, Key, PyTree


class Trainees(NamedTuple):
    """Agents in training, each in an unsolved environment of its own: K slots, free where `age` is -1."""

    genome: Genome  # leaves [K, ...]
    learner: PyTree  # state of the learner, leaves [K, ...]
    age: np.ndarray  # i64[K], learner steps done
    parent: np.ndarray  # u32[K, 2], id of the elite whose environment was mutated, or to which the search returned


class PairedMapElitesState(NamedTuple):
    """A checkpoint is exactly this."""

    key: Key  # of the run; never advanced
    iteration: np.ndarray  # i64[], iterations done
    env_steps: np.ndarray  # i64[]
    evaluations: np.ndarray  # i64[], episodes of an agent in an environment
    archive: PyTree
    trainees: Trainees
    last_solver: PyTree  # learner of the last trainee that solved its environment; only its optimiser is used


class Source(enum.IntEnum):
    """Where the agent of an elite comes from; the archive stores the number as the emitter."""

    PARENT = 0  # the agent of the elite whose environment was mutated
    VARIANT = 1  # that agent with noise
    NEIGHBOUR = 2  # the agent of one of the nearest elites
    TRAINEE = 3  # training in this environment
    TRANSFER = 4  # the agent of a new elite, tried in the environment of an elite nearby

    @property
    def label(self) -> str:
        """Its name in the journal."""
        return self.name.lower()


class Candidate(NamedTuple):
    """An agent that is tried in an environment."""

    params: np.ndarray  # f32[G]
    source: Source
    parents: np.ndarray  # u32[2, 2], ids of the elites behind the environment and behind the agent, or `NO_PARENT`


class Offer(NamedTuple):
    """An environment with the best agent that was found for it, and the score of that agent there."""

    genome: Genome
    fitness: float
    candidate: Candidate
    solved: bool = True
    learner: PyTree = None  # state with which training resumes from the agent; None where elites remember none


class PromisingChild(NamedTuple):
    """A child that no candidate solves, but in which the best candidate scores well enough to be trained."""

    offer: Offer
    number: int  # of the child in this iteration


def init_trainees(genome: Genome, learner: PyTree, num_slots: int) -> Trainees:
    """The first slot trains this learner in this environment, the others are free."""
    slot = Trainees(genome, learner, np.array(-1), np.full(2, NO_PARENT))
    trainees = jax.tree.map(lambda leaf: np.stack([leaf] * num_slots), slot)
    trainees.age[0] = 0
    return trainees


def editable_copy(state: PairedMapElitesState) -> PairedMapElitesState:
    """A copy whose NumPy arrays an iteration may write into."""
    names = ("iteration", "env_steps", "evaluations", "trainees")
    return state._replace(**{name: jax.tree.map(np.array, getattr(state, name)) for name in names})
