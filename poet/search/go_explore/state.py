"""What Go-Explore carries from one iteration to the next.

Axes: R rows of the archive, N segments.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt32

from poet.archives.cells import CellsState
from poet.types import Key


class Counters(NamedTuple):
    """Of each row of the archive, i32[R]."""

    chosen: Int[Array, "R"]  # how often it was returned to
    chosen_since_new: Int[Array, "R"]  # the same, since exploration from it last changed the archive
    seen: Int[Array, "R"]  # rollouts that entered the cell, or began in it
    actions: Int[Array, "R"]  # steps that began in the cell


class Best(NamedTuple):
    """The best episode that has ended: the score of a search, where rewards may be negative."""

    score: Float[Array, ""]  # -inf while none has ended
    length: Int[Array, ""]
    id: UInt32[Array, "2"]


class GoExploreState(NamedTuple):
    """A checkpoint is exactly this.

    A trajectory is a chain of segments: a segment is what one rollout did, named by a number. The id of an elite is
    (segment, actions of it); the actions themselves follow from the key of the run and the number.

    Attributes:
      key: of the run; never advanced.
      iteration: i64[], iterations done.
      env_steps: i64[].
      archive: of `poet.agents.segments.Point`s, with the extra field "length": steps from the root.
      counters: of its rows.
      best: of all episodes that have ended.
      parent: u32[N, 2], the id of the elite from which each segment began; doubles as the search goes on.
      num_segments: i64[].
    """

    key: Key
    iteration: np.ndarray
    env_steps: np.ndarray
    archive: CellsState
    counters: Counters
    best: Best
    parent: np.ndarray
    num_segments: np.ndarray


def empty_counters(num_rows: int) -> Counters:
    """Zeros."""
    return Counters(*(jnp.zeros(num_rows, jnp.int32) for _ in Counters._fields))


def empty_best() -> Best:
    """No episode has ended."""
    return Best(jnp.float32(-jnp.inf), jnp.int32(0), jnp.zeros(2, jnp.uint32))
