"""What a learner is: it improves one agent in one environment. It does not run episodes itself."""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from jaxtyping import Array, Float

from poet.types import Key, Params

StateT = TypeVar("StateT")
StateT_co = TypeVar("StateT_co", covariant=True)
StateT_contra = TypeVar("StateT_contra", contravariant=True)


class Init(Protocol[StateT_co]):
    """The state of a new agent."""

    def __call__(self, key: Key, params: Params, /) -> StateT_co:
        """A state that starts from these weights f32[G]."""
        ...


class Ask(Protocol[StateT]):
    """Candidates to be evaluated."""

    def __call__(self, key: Key, state: StateT, /) -> tuple[StateT, Float[Array, "P G"]]:
        """The state and P candidates."""
        ...


class Tell(Protocol[StateT]):
    """One step of improvement."""

    def __call__(
        self, key: Key, state: StateT, candidates: Float[Array, "P G"], fitness: Float[Array, "P"], /
    ) -> StateT:
        """The state after the candidates were evaluated. Bigger is better; what is not finite ranks worst."""
        ...


class GetParams(Protocol[StateT_contra]):
    """The agent itself."""

    def __call__(self, state: StateT_contra, /) -> Params:
        """The weights f32[G] that are evaluated, transferred and saved."""
        ...


class WithParams(Protocol[StateT]):
    """The same learner with another agent."""

    def __call__(self, key: Key, state: StateT, params: Params, /) -> StateT:
        """The state with these weights and the optimiser that it had."""
        ...


class Learner(NamedTuple, Generic[StateT]):
    """Pure functions for one agent. Many agents go through `lax.map` or one at a time, never through `vmap`: its width
    would change the bits of the results.

    Attributes:
      init: (key, params) -> state, with a new optimiser.
      ask: (key, state) -> (state, candidates f32[P, G]).
      tell: (key, state, candidates, fitness f32[P]) -> state.
      params: state -> weights f32[G].
      with_params: (key, state, params) -> state.
      rates: state -> named scalars for the journal, as the learning rate.
      population: P.
    """

    init: Init[StateT]
    ask: Ask[StateT]
    tell: Tell[StateT]
    params: GetParams[StateT]
    with_params: WithParams[StateT]
    rates: Callable[[StateT], dict[str, Any]]
    population: int
