"""Simulators that are not written in JAX: they run in worker processes, on NumPy arrays.

An environment of this kind has the same place as an `Environment`: a generator's `environment`. Episodes in it are run
by the rollout engine `host` (`--engine host`).
"""

from typing import Any, NamedTuple, Protocol, TypeGuard, runtime_checkable

import numpy as np
from jaxtyping import Array, Int, UInt8, UInt32

from poet.envs.base import Interface
from poet.errors import ContractError
from poet.types import Genome, PyTree


class HostStep(NamedTuple):
    """One transition, as NumPy arrays. The time limit is not part of it: the engine counts steps."""

    obs: PyTree  # an array or a NamedTuple of arrays, as `Interface.obs` says
    reward: float
    terminated: bool  # the episode ended by the rules of the environment


class History(NamedTuple):
    """A state of a simulator without snapshots: how it was reached. The length of the episode says how many count."""

    seed: UInt32[Array, ""]  # that it was reset with
    actions: Array  # [horizon, ...]


class Snapshot(NamedTuple):
    """A state of a simulator with snapshots."""

    size: Int[Array, ""]  # bytes that count
    data: UInt8[Array, "_"]


@runtime_checkable
class Simulator(Protocol):
    """One episode, in a worker process. The same genome, seed and actions give the same episode.

    Optional members, used if present:

    - `snapshot() -> bytes` and `restore(data)`: the state, and the return to it, also in another process and after the
      episode of this simulator has ended; used if the environment has `snapshot_bytes`.
    - `success() -> float`: how far the task was solved at the end of an episode, in [0, 1]; without it every episode
      counts as 1.
    - `descriptor() -> f32[D]`: at the end of an episode; required if the environment has `descriptor_names`.
    - `render() -> u8[H, W, 3]`: a picture of the present state.
    """

    def reset(self, seed: int, /) -> PyTree:
        """Start the episode; all its randomness comes from `seed`, below 2**32. Returns the first observation."""
        ...

    def step(self, action: np.ndarray | np.integer, /) -> HostStep:
        """Advance by one action, an integer of NumPy for a `Discrete` space."""
        ...

    def close(self) -> None:
        """Release what the simulator holds."""
        ...


@runtime_checkable
class HostEnvironment(Protocol):
    """A family of levels whose episodes run in simulators.

    It is hashable and can be pickled (a frozen dataclass of plain values in a module that can be imported), since
    worker processes get a copy. `descriptor_names` and `descriptor_bounds` are optional, as for an `Environment`.
    So is `snapshot_bytes`, the largest size of a snapshot: without it a stored state is the list of actions so far.
    """

    @property
    def interface(self) -> Interface:
        """Observations, actions and time limit."""
        ...

    def make_simulator(self, genome: Genome, /) -> Simulator:
        """A new simulator of the level that a genome (NumPy leaves) describes, for one episode."""
        ...


def is_host(environment: Any) -> TypeGuard[HostEnvironment]:
    """Whether an environment runs in simulators of worker processes."""
    return hasattr(environment, "make_simulator")


def snapshot_bytes(environment: Any) -> int:
    """The largest size of a snapshot; 0 for an environment without them."""
    return getattr(environment, "snapshot_bytes", 0)


def write_snapshot(world: Any, lane: int, data: bytes, environment: HostEnvironment) -> None:
    """Write a snapshot into one lane of a `Snapshot` of NumPy arrays.

    Raises `ContractError` for one that is larger than the environment says.
    """
    size, largest = len(data), snapshot_bytes(environment)
    if size > largest:
        raise ContractError(
            f"snapshots of {environment.interface.id} are expected to have at most snapshot_bytes = {largest}, got "
            f"{size}: declare the largest size"
        )
    world.size[lane], world.data[lane, :size], world.data[lane, size:] = size, np.frombuffer(data, np.uint8), 0
