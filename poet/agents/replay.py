"""One episode step by step, for pictures: the same episode as in a queue of the same engine, bit for bit."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from poet.agents.engine import Advance, Build, Enter, Levels, LevelTable, Replay, Reset, Transition
from poet.agents.lane import broadcast
from poet.envs.base import Trajectory
from poet.types import Genome, Key, Params, PyTree

STEPS = 64  # of a block of lanes at a time: the world of every lane is kept for so many steps


def replay(num_lanes: int, build: Build, reset: Reset, enter: Enter, advance: Advance) -> Replay:
    """`Replay` of an engine in jax that has these functions.

    The episode runs in a block of `num_lanes` equal lanes, each with weights of its own, since a block of another
    shape would give other bits. Level and first world are computed by separate programs: within one program XLA may
    compute them again, with other roundings, at each place that reads them.
    """
    build_block, reset_block, enter_block = map(jax.jit, (build, reset, enter))

    @functools.partial(jax.jit, donate_argnums=2)
    def advance_block(params, table, lanes):
        return advance(params, table, lanes, STEPS, _trace)

    def replay_episode(params: Params, key: Key, genome: Genome) -> Trajectory:
        params, keys, genome = broadcast((params, key, genome), num_lanes)
        level = build_block(Levels(genome, keys))
        lanes = enter_block(level, reset_block(level, keys), key)
        table = LevelTable(level, jnp.ones(num_lanes))
        parts, traced = [], None
        ended = np.zeros(1, bool)
        while not ended.any():
            lanes, traced, finished = advance_block(params, table, lanes)
            ended = np.asarray(finished.ended[:, 0])
            length = int(ended.argmax()) + 1 if ended.any() else STEPS
            parts.append([np.asarray(leaf[:length, 0]) for leaf in jax.tree.leaves(traced)])
        leaves = [np.concatenate(leaf) for leaf in zip(*parts)]
        return Trajectory(*jax.tree.unflatten(jax.tree.structure(traced), leaves))

    return replay_episode


def _trace(step: Transition) -> tuple[PyTree, PyTree, PyTree]:
    return step.world, step.action, step.reward
