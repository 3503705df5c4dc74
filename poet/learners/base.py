"""What a learner is: it improves one agent in one environment. Rollouts are not its business."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Array, Float

from poet.types import Key, Params, PyTree


class Learner(NamedTuple):
    """Pure functions for one agent; many agents go through `lax.map` or one at a time, never `vmap`,
    whose width would change bits.

    Attributes:
      init: (key, params) -> state, afresh around these weights.
      ask: (key, state) -> (state, candidates f32[P, G]).
      tell: (key, state, candidates, fitness f32[P]) -> state. Bigger is better; what is not finite ranks worst.
      params: state -> the weights f32[G] that are evaluated, transferred and saved.
      with_params: (key, state, params) -> state that goes on from these weights with its own optimiser.
      rates: state -> named scalars worth a column in the journal.
      population: P.
    """

    init: Callable[[Key, Params], PyTree]
    ask: Callable[[Key, PyTree], tuple[PyTree, Float[Array, "P G"]]]
    tell: Callable[[Key, PyTree, Float[Array, "P G"], Float[Array, "P"]], PyTree]
    params: Callable[[PyTree], Params]
    with_params: Callable[[Key, PyTree, Params], PyTree]
    rates: Callable[[PyTree], dict[str, Any]]
    population: int
