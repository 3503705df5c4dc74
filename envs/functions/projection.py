"""Sphere and Rastrigin with linear-projection descriptors: Fontaine et al. 2020, arXiv 1912.02400, section 4.

Most of the solution space maps to the middle of the descriptor space, so spreading out is hard. The numbers are those
of pyribs' and QDax's examples: the optimum lies at 0.4 * 5.12 in every coordinate, and fitness is 100 there and 0
where every coordinate is -5.12.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from poet.envs.turns import cos_sin
from poet.types import Key

LIMIT = 5.12
OPTIMUM = 0.4 * LIMIT
WORST = -LIMIT - OPTIMUM  # how far off the coordinates are where fitness is 0


@dataclasses.dataclass(frozen=True)
class LinearProjection:
    """One of the two functions as an `poet.envs.base.Problem`.

    A coordinate within +-5.12 adds its value to the descriptor, one beyond adds 5.12 divided by it, so that leaving
    the box does not help. Far outside, and for Rastrigin near some corners, fitness is a little below 0.
    """

    id: str  # "sphere" or "rastrigin"
    num_params: int
    descriptor_names: tuple[str, ...] = ("first half", "second half")
    fitness_bounds: tuple[float, float] = (0.0, 100.0)
    deterministic: bool = True

    @property
    def descriptor_bounds(self) -> tuple[tuple[float, float], ...]:
        """What the halves can sum up to."""
        most = LIMIT * self.num_params / 2
        return ((-most, most), (-most, most))

    def sample(self, key: Key) -> Float[Array, "G"]:
        """Uniform in the box."""
        return jax.random.uniform(key, (self.num_params,), minval=-LIMIT, maxval=LIMIT)

    def evaluate(self, key: Key, params: Float[Array, "G"]) -> tuple[Float[Array, ""], Float[Array, "2"]]:
        """Fitness, and the sums of the clipped halves."""
        del key
        cost = _COST[self.id]
        fitness = 100 * (1 - jnp.mean(cost(params - OPTIMUM)) / cost(jnp.float32(WORST)))
        clipped = jnp.where(jnp.abs(params) <= LIMIT, params, LIMIT / params)
        return fitness, clipped.reshape(2, -1).sum(axis=1)


def _bumps(off: Array) -> Array:
    return 10 + jnp.square(off) - 10 * cos_sin(off)[0]


_COST = {"sphere": jnp.square, "rastrigin": _bumps}
