"""What a learner is: it improves one agent. There are two kinds.

An `AskTellLearner` proposes candidates and receives their fitness; it does not run episodes itself, so that the
executor can run those of all niches in one queue. A `StepLearner` needs what happens during episodes: it collects steps
by a function that it is given.
"""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from jaxtyping import Array, Float

from poet.agents.engine import Finished, Lanes, Trace
from poet.types import Key, Params, PyTree

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


class Collect(Protocol):
    """Steps of an agent in the levels of a job."""

    def __call__(self, params: Params, lanes: Lanes, num_steps: int, trace: Trace, /) -> tuple[Lanes, PyTree, Finished]:
        """The lanes after `num_steps` steps, the trace (leaves [T, B, ...]), and the episodes that ended."""
        ...


class Step(Protocol[StateT]):
    """One step of improvement that collects its own experience."""

    def __call__(self, key: Key, state: StateT, collect: Collect, /) -> tuple[StateT, Finished]:
        """The state after the step, and the episodes that ended, of all that was collected."""
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


def _no_rates(state: Any) -> dict[str, Any]:
    return {}


class AskTellLearner(NamedTuple, Generic[StateT]):
    """Pure functions for one agent. Many agents go through `lax.map` or one at a time, never through `vmap`: its width
    would change the bits of the results.

    Attributes:
      init: (key, params) -> state, with a new optimiser.
      params: state -> weights f32[G].
      with_params: (key, state, params) -> state.
      ask: (key, state) -> (state, candidates f32[P, G]).
      tell: (key, state, candidates, fitness f32[P]) -> state.
      population: P.
      rates: state -> named scalars for the journal, as the learning rate.
    """

    init: Init[StateT]
    params: GetParams[StateT]
    with_params: WithParams[StateT]
    ask: Ask[StateT]
    tell: Tell[StateT]
    population: int
    rates: Callable[[StateT], dict[str, Any]] = _no_rates


class StepLearner(NamedTuple, Generic[StateT]):
    """Pure functions for one agent. Its lanes belong to its state: episodes go on from one step to the next.

    Attributes:
      init: (key, params) -> state, with a new optimiser and lanes before their first episode.
      params: state -> weights f32[G].
      with_params: (key, state, params) -> state, whose lanes are before their first episode.
      step: (key, state, collect) -> (state, Finished); `collect` is traced inside it where the engine is traceable.
      rates: state -> named scalars for the journal, as the learning rate.
    """

    init: Init[StateT]
    params: GetParams[StateT]
    with_params: WithParams[StateT]
    step: Step[StateT]
    rates: Callable[[StateT], dict[str, Any]] = _no_rates


Learner = AskTellLearner[StateT] | StepLearner[StateT]
