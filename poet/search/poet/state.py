"""What a POET run carries from tick to tick: active niches and every environment ever admitted, as plain arrays."""

from typing import NamedTuple

import jax
import numpy as np

from poet.types import Genome, Key, PyTree

RECENT = 5  # scores behind the threshold of the Enhanced transfer rule
VIA = ("start", "direct", "proposal")  # how the agent of a newcomer was found


class Niches(NamedTuple):
    """The active pairs, N slots of which those with `id >= 0` are taken."""

    id: np.ndarray  # i64[N], place in Ever, -1 where free
    genome: Genome  # leaves [N, ...]
    learner: PyTree  # leaves [N, ...]
    recent: np.ndarray  # f32[N, RECENT], latest scores, newest last; NaN where there is none yet
    reached: np.ndarray  # bool[N], whether the agent of the newest score reached the goal each time
    best: np.ndarray  # f32[N]
    best_params: np.ndarray  # f32[N, G]
    admission_params: np.ndarray  # f32[N, G]


class Ever(NamedTuple):
    """Every environment ever admitted, by id; capacity H doubles on the host when it is full."""

    num: np.ndarray  # i64[], how many
    genome: Genome  # leaves [H, ...]
    features: np.ndarray  # f32[H, F]
    parent: np.ndarray  # i64[H], -1 for a start
    agent_from: np.ndarray  # i64[H], whose agent came first in, -1 for a start
    via: np.ndarray  # i64[H], index into VIA
    born: np.ndarray  # i64[H], iteration
    retired: np.ndarray  # i64[H], iteration or -1
    solved: np.ndarray  # i64[H], iteration or -1
    admission_fitness: np.ndarray  # f32[H]
    novelty: np.ndarray  # f32[H], NaN for a start


class State(NamedTuple):
    """A checkpoint is exactly this."""

    key: Key  # of the run; never advanced
    iteration: np.ndarray  # i64[], steps done
    env_steps: np.ndarray  # i64[]
    episodes: np.ndarray  # i64[]
    niches: Niches
    ever: Ever


def empty(key: Key, genome: Genome, learner: PyTree, num_params: int, num_features: int, slots: int) -> State:
    """A state without niches, shaped after one genome and one learner state."""

    def rows(tree: PyTree, size: int) -> PyTree:
        return jax.tree.map(lambda leaf: np.zeros((size, *np.shape(leaf)), np.asarray(leaf).dtype), tree)

    niches = Niches(
        id=np.full(slots, -1, np.int64),
        genome=rows(genome, slots),
        learner=rows(learner, slots),
        recent=np.full((slots, RECENT), np.nan, np.float32),
        reached=np.zeros(slots, bool),
        best=np.full(slots, -np.inf, np.float32),
        best_params=np.zeros((slots, num_params), np.float32),
        admission_params=np.zeros((slots, num_params), np.float32),
    )
    size = 64
    ever = Ever(
        num=np.array(0, np.int64),
        genome=rows(genome, size),
        features=np.zeros((size, num_features), np.float32),
        **{name: np.full(size, -1, np.int64) for name in ("parent", "agent_from", "via", "born", "retired", "solved")},
        admission_fitness=np.full(size, np.nan, np.float32),
        novelty=np.full(size, np.nan, np.float32),
    )
    zero = np.array(0, np.int64)
    return State(key, zero.copy(), zero.copy(), zero.copy(), niches, ever)


def editable(state: State) -> State:
    """A copy whose arrays a step may write into."""
    return state._replace(
        **{
            name: jax.tree.map(np.array, getattr(state, name))
            for name in ("iteration", "env_steps", "episodes", "niches", "ever")
        }
    )


def with_room(ever: Ever) -> Ever:
    """The same with space for at least one more."""
    size = len(ever.parent)
    if ever.num < size:
        return ever
    grown = jax.tree.map(lambda leaf: np.concatenate([leaf, np.zeros_like(leaf)]) if np.ndim(leaf) else leaf, ever)
    return grown


def active(niches: Niches) -> list[int]:
    """Taken slots, by age, the oldest first."""
    return sorted((int(slot) for slot in np.flatnonzero(niches.id >= 0)), key=lambda slot: int(niches.id[slot]))


def row(tree: PyTree, index: int) -> PyTree:
    """One item of a stacked tree."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def write(tree: PyTree, index: int, item: PyTree) -> None:
    """Set one item of a stacked tree, in place."""
    jax.tree.map(lambda leaf, value: leaf.__setitem__(index, np.asarray(value)), tree, item)
