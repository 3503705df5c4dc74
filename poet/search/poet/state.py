"""What POET carries from iteration to iteration: the active niches and every environment ever admitted, as arrays."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from poet.types import Genome, Key, PyTree

NUM_RECENT = 5  # scores behind the threshold of the Enhanced transfer rule
VIA = ("start", "direct", "proposal")  # how the first agent of a niche was found
FIRST_CAPACITY = 64  # of the history


class Niches(NamedTuple):
    """The active pairs: N slots, of which those with `id >= 0` are in use."""

    id: Int[np.ndarray, "N"]  # i64, index into NicheHistory; -1 where the slot is free
    genome: Genome  # leaves [N, ...]
    learner: PyTree  # leaves [N, ...]
    recent: Float[np.ndarray, "N R"]  # latest NUM_RECENT scores, newest last; NaN where there is none yet
    reached: Bool[np.ndarray, "N"]  # whether the agent of the newest score reached the goal in every episode
    best: Float[np.ndarray, "N"]
    best_params: Float[np.ndarray, "N G"]
    admission_params: Float[np.ndarray, "N G"]


class NicheHistory(NamedTuple):
    """Every environment ever admitted, by id. The capacity H doubles on the host when it is full."""

    num: Int[np.ndarray, ""]  # i64, how many
    genome: Genome  # leaves [H, ...]
    features: Float[np.ndarray, "H F"]
    parent: Int[np.ndarray, "H"]  # i64, -1 for a start
    agent_from: Int[np.ndarray, "H"]  # i64, the niche that the first agent came from; -1 for a start
    via: Int[np.ndarray, "H"]  # i64, index into VIA
    born: Int[np.ndarray, "H"]  # i64, iteration
    retired: Int[np.ndarray, "H"]  # i64, iteration or -1
    solved: Int[np.ndarray, "H"]  # i64, iteration or -1
    admission_fitness: Float[np.ndarray, "H"]
    novelty: Float[np.ndarray, "H"]  # NaN for a start


class PoetState(NamedTuple):
    """A checkpoint is exactly this."""

    key: Key  # of the run; never advanced
    iteration: Int[np.ndarray, ""]  # i64, steps done
    env_steps: Int[np.ndarray, ""]  # i64
    episodes: Int[np.ndarray, ""]  # i64
    niches: Niches
    history: NicheHistory


def empty_state(
    key: Key, genome: Genome, learner: PyTree, num_params: int, num_features: int, num_slots: int
) -> PoetState:
    """A state without niches; `genome` and `learner` are examples of one genome and one learner state."""

    def stacked(example: PyTree, size: int) -> PyTree:
        return jax.tree.map(lambda leaf: np.zeros((size, *np.shape(leaf)), np.asarray(leaf).dtype), example)

    niches = Niches(
        id=np.full(num_slots, -1, np.int64),
        genome=stacked(genome, num_slots),
        learner=stacked(learner, num_slots),
        recent=np.full((num_slots, NUM_RECENT), np.nan, np.float32),
        reached=np.zeros(num_slots, bool),
        best=np.full(num_slots, -np.inf, np.float32),
        best_params=np.zeros((num_slots, num_params), np.float32),
        admission_params=np.zeros((num_slots, num_params), np.float32),
    )
    size = FIRST_CAPACITY
    history = NicheHistory(
        num=np.array(0, np.int64),
        genome=stacked(genome, size),
        features=np.zeros((size, num_features), np.float32),
        **{name: np.full(size, -1, np.int64) for name in ("parent", "agent_from", "via", "born", "retired", "solved")},
        admission_fitness=np.full(size, np.nan, np.float32),
        novelty=np.full(size, np.nan, np.float32),
    )
    zero = np.array(0, np.int64)
    return PoetState(key, zero.copy(), zero.copy(), zero.copy(), niches, history)


def editable_copy(state: PoetState) -> PoetState:
    """A copy whose arrays a step may write into."""
    names = ("iteration", "env_steps", "episodes", "niches", "history")
    return state._replace(**{name: jax.tree.map(np.array, getattr(state, name)) for name in names})


def grow_if_full(history: NicheHistory) -> NicheHistory:
    """The same history with space for at least one more environment."""
    if history.num < len(history.parent):
        return history
    return jax.tree.map(lambda leaf: np.concatenate([leaf, np.zeros_like(leaf)]) if np.ndim(leaf) else leaf, history)


def active_slots(niches: Niches) -> list[int]:
    """Slots in use, the oldest niche first."""
    return sorted((int(slot) for slot in np.flatnonzero(niches.id >= 0)), key=lambda slot: int(niches.id[slot]))
