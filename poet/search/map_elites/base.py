"""What an emitter is: it makes new solutions from the elites of an archive.

Axes: B solutions of one call, G parameters.
"""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt32

from poet.archives.base import AddInfo, Archive
from poet.archives.layout import NO_PARENT
from poet.errors import ConfigError
from poet.search.map_elites.config import Bounds
from poet.types import Key, Params, PyTree

StateT = TypeVar("StateT")
StateT_co = TypeVar("StateT_co", covariant=True)


class Offspring(NamedTuple):
    """Solutions to be evaluated.

    Attributes:
      params: the solutions.
      parents: ids of up to two elites that each was made from, `NO_PARENT` where there is none.
      emitter: number of the emitter that made each: 0 from an emitter, which the search replaces; -1 for none.
    """

    params: Float[Array, "B G"]
    parents: UInt32[Array, "B 2 2"]
    emitter: Int[Array, "B"]


def initial_offspring(params: Float[Array, "B G"] | Float[np.ndarray, "B G"]) -> Offspring:
    """Solutions that were made from no elite and by no emitter."""
    size = len(params)
    return Offspring(jnp.asarray(params), jnp.full((size, 2, 2), NO_PARENT), jnp.full(size, -1))


class Init(Protocol[StateT_co]):
    """The state before the first generation; any pytree of non-empty arrays, `()` where there is nothing to keep."""

    def __call__(self, key: Key, /) -> StateT_co:
        """From a key."""
        ...


class Emit(Protocol[StateT]):
    """New solutions."""

    def __call__(self, key: Key, state: StateT, archive_state: PyTree, /) -> tuple[StateT, Offspring]:
        """The state after, and the offspring. The archive may be empty."""
        ...


class Tell(Protocol[StateT]):
    """What became of the solutions."""

    def __call__(
        self,
        key: Key,
        state: StateT,
        archive_state: PyTree,
        params: Float[Array, "B G"],
        fitness: Float[Array, "B"],
        info: AddInfo,
        /,
    ) -> StateT:
        """The state after the solutions were evaluated and added to the archive.

        `params` are those of the last `emit`, `fitness` may be NaN (of several objectives it is their sum), and `info`
        is what the archive reported of each; its counts are those of the whole generation.
        """
        ...


class Emitter(NamedTuple, Generic[StateT]):
    """Pure functions, compiled into the loop of the search.

    Attributes:
      batch: B, number of solutions that each `emit` makes.
      init: key -> state.
      emit: (key, state, archive state) -> (state, Offspring).
      tell: (key, state, archive state, params f32[B, G], fitness f32[B], AddInfo) -> state.
    """

    batch: int
    init: Init[StateT]
    emit: Emit[StateT]
    tell: Tell[StateT]


class EmitterContext(NamedTuple):
    """What `EmitterConfig.make` gets from the search.

    Attributes:
      archive: the functions of the archive; its payload is one solution f32[G].
      sample: key -> f32[G], a solution from the prior, for an archive that is still empty.
      num_params: G.
      population: number of solutions that one emitter makes in a generation.
      num_parallel: number of equal emitters that act side by side, so that B = num_parallel x population.
      bounds: low and high, which the solutions must lie within: two numbers for all parameters, or f32[G] each; None if
        they are not bounded.
    """

    archive: Archive
    sample: Callable[[Key], Params]
    num_params: int
    population: int
    num_parallel: int = 1
    bounds: tuple[float, float] | tuple[np.ndarray, np.ndarray] | None = None

    def clip(self, params: Float[Array, "B G"]) -> Float[Array, "B G"]:
        """The solutions within the bounds, if there are any."""
        return params if self.bounds is None else jnp.clip(params, *self.bounds)


def bounds_of(bounds: Bounds | None, num_params: int) -> tuple[float, float] | tuple[np.ndarray, np.ndarray] | None:
    """The option `search.bounds` for solutions of so many parameters, as in `EmitterContext`.

    Raises `ConfigError` for pairs of another number of parameters, and for pairs that are one number in float32.

    >>> low, high = bounds_of(((0.0, 1.0), (-1.0, 2.0)), 2)
    >>> low.tolist(), high.tolist()
    ([0.0, -1.0], [1.0, 2.0])
    """
    if bounds is None or not isinstance(bounds[0], tuple):
        return bounds  # pyright: ignore[reportReturnType]
    if len(bounds) != num_params:
        raise ConfigError(
            f"search.bounds expects one pair (low, high), or a pair for each of the {num_params} parameters of a "
            f"solution; got {len(bounds)} pairs"
        )
    low, high = np.array(bounds, np.float32).T
    if not (low < high).all():
        place = int(np.argmin(low < high))
        raise ConfigError(f"search.bounds expects pairs that float32 can tell apart, got {bounds[place]}")
    return low, high


def select_rows(info: AddInfo, rows: Any) -> AddInfo:
    """The report on some solutions of a batch; the counts are still those of the whole batch."""
    return AddInfo._make([*(field[rows] for field in info[:-1]), info.counts])
