"""A simulator for tests: the sum of the actions and of some noise, until it passes a limit. Some levels fail."""

import dataclasses
import os
import pickle
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poet.envs.base import Discrete, Interface
from poet.envs.host import HostStep

HORIZON = 9


class Limit(NamedTuple):
    """The genome."""

    limit: Any  # i32[]; -1 kills its worker, -2 stops it, -3 raises an error, all at the first step


@dataclasses.dataclass(frozen=True)
class CountingEnvironment:
    """Failures happen as often as `failures` says, counted in files of `folder`."""

    folder: str = ""
    failures: int = 10**6
    snapshot_bytes: int = 0
    forgets_noise: bool = False  # whether a snapshot lacks a part
    descriptor_names: tuple[str, ...] = ("total",)
    descriptor_bounds: tuple[tuple[float, float], ...] = ((0.0, 100.0),)

    @property
    def interface(self) -> Interface:
        return Interface("counting-v1", jax.ShapeDtypeStruct((2,), jnp.int32), Discrete(5), HORIZON)

    def make_simulator(self, genome: Limit) -> "CountingSimulator":
        return CountingSimulator(int(genome.limit), self)


class CountingSimulator:
    def __init__(self, limit: int, environment: CountingEnvironment) -> None:
        self.limit, self.environment = limit, environment

    def reset(self, seed: int) -> np.ndarray:
        self.noise = np.random.default_rng(seed)
        self.total, self.time = int(self.noise.integers(3)), 0
        return self.observe()

    def observe(self) -> np.ndarray:
        return np.array([self.total, self.limit], np.int32)

    def step(self, action: np.ndarray) -> HostStep:
        self.total += int(action) + int(self.noise.integers(2))
        self.time += 1
        if self.limit < 0 and self.time == 1 and self.fails():
            {-1: lambda: os._exit(7), -2: lambda: time.sleep(600), -3: lambda: 1 / 0}[self.limit]()
        return HostStep(self.observe(), float(self.total % 3), self.total > abs(self.limit) + 5)

    def fails(self) -> bool:
        """Whether this episode fails again."""
        folder = Path(self.environment.folder)
        number = len(list(folder.iterdir()))
        if number >= self.environment.failures:
            return False
        (folder / str(number)).touch()
        return True

    def snapshot(self) -> bytes:
        return pickle.dumps((None if self.environment.forgets_noise else self.noise, self.total, self.time))

    def restore(self, data: bytes) -> None:
        noise, self.total, self.time = pickle.loads(data)
        self.noise = noise or np.random.default_rng(0)

    def success(self) -> float:
        return float(self.total % 2)

    def descriptor(self) -> np.ndarray:
        return np.float32([self.total])

    def render(self) -> np.ndarray:
        return np.full((20, 30, 3), 10 * self.time, np.uint8)

    def close(self) -> None:
        pass


class CountingGenerator(NamedTuple):
    """As much of a generator as a recipe needs."""

    environment: CountingEnvironment = CountingEnvironment()

    def simplest(self) -> Limit:
        return Limit(np.int32(4))
