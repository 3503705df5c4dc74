"""A small environment for Go-Explore, in JAX and as a simulator."""

import dataclasses
import pickle
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poet.agents.engine import Engine
from poet.agents.policy import Policy
from poet.agents.segments import Explorer, chain
from poet.envs.base import Discrete, Interface, Step
from poet.envs.host import HostStep
from poet.search.go_explore.config import GoExploreConfig
from poet.search.go_explore.segments import PHASES
from poet.search.go_explore.state import GoExploreState


class Place(NamedTuple):
    x: Any
    y: Any
    luck: Any


@dataclasses.dataclass(frozen=True)
class Rooms:
    """A field of 12 x 12 places with some drift. Coins on the diagonal, a hole at (9, 0), the exit at (11, 11)."""

    horizon: int = 60
    cursed: bool = False  # whether the reward of places with x = 5 is NaN

    @property
    def interface(self) -> Interface:
        return Interface("rooms-v1", jax.ShapeDtypeStruct((2,), jnp.int32), Discrete(4), self.horizon)

    def build(self, key, genome):  # type: ignore[no-untyped-def]
        return genome

    def reset(self, key, level):  # type: ignore[no-untyped-def]
        return Place(jnp.int32(0), jnp.int32(0), jax.random.uniform(key)), jnp.zeros(2, jnp.int32)

    def step(self, key, level, world, action):  # type: ignore[no-untyped-def]
        drift = jax.random.uniform(key)
        action = jnp.where(drift < 0.1, 0, action)
        x = jnp.clip(world.x + jnp.array([1, -1, 0, 0])[action], 0, 11)
        y = jnp.clip(world.y + jnp.array([0, 0, 1, -1])[action], 0, 11)
        reward = jnp.where((x == y) & (x != world.x), 0.1, -0.01)
        reward = jnp.where(self.cursed & (x == 5), jnp.nan, reward)
        ended = (x == 9) & (y == 0) | (x == 11) & (y == 11)
        return Step(Place(x, y, drift), jnp.stack([x, y]), reward, ended, jnp.bool_(False), {})


@dataclasses.dataclass(frozen=True)
class RoomsGenerator:
    """As much of a generator as the search needs."""

    environment: Any = Rooms()
    id: str = "rooms"
    version: int = 1

    def simplest(self) -> Any:
        return {"size": np.float32(12)}


@dataclasses.dataclass(frozen=True)
class SimulatedRooms:
    """The same places with other luck. Its states are snapshots, or the actions so far."""

    snapshot_bytes: int = 0
    horizon: int = 60

    @property
    def interface(self) -> Interface:
        return Rooms(self.horizon).interface

    def make_simulator(self, genome: Any) -> "RoomsSimulator":
        return RoomsSimulator()


class RoomsSimulator:
    def reset(self, seed: int) -> np.ndarray:
        self.luck, self.place = np.random.default_rng(seed), np.zeros(2, np.int32)
        return self.place.copy()

    def step(self, action: np.ndarray) -> HostStep:
        move = [(1, 0), (-1, 0), (0, 1), (0, -1)][int(action) if self.luck.random() >= 0.1 else 0]
        before, self.place = self.place, np.clip(self.place + np.array(move), 0, 11).astype(np.int32)
        x, y = self.place.tolist()
        reward = 0.1 if x == y and x != before[0] else -0.01
        return HostStep(self.place.copy(), reward, (x, y) in [(9, 0), (11, 11)])

    def snapshot(self) -> bytes:
        return pickle.dumps((self.luck, self.place))

    def restore(self, data: bytes) -> None:
        self.luck, self.place = pickle.loads(data)

    def close(self) -> None:
        pass


def elites(state: GoExploreState) -> list[tuple[int, Any]]:
    """(row, id) of each elite."""
    store = state.archive.store
    return [(int(row), np.asarray(store.tag[row, :2])) for row in np.flatnonzero(np.asarray(store.fitness) > -np.inf)]


def explorer_of(generator: Any, policy: Policy, engine: Engine, config: GoExploreConfig) -> Explorer:
    return Explorer(generator, policy, engine, PHASES, lanes=config.batch, steps=config.steps)


def way_to(state: GoExploreState, id: Any) -> list[tuple[int, int]]:
    return chain(state.parent[: int(state.num_segments)].__getitem__, id)
