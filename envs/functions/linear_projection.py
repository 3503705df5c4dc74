"""Sphere and Rastrigin with a linear-projection descriptor: Fontaine et al. 2020, arXiv 1912.02400, section 4.

Most of the solution space maps to the middle of the descriptor space, so its border is hard to reach. The numbers are
those of the examples of pyribs and QDax: the optimum is at 0.4 * 5.12 in every parameter, fitness is 100 there and 0
where every parameter is -5.12.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from poet.envs.trigonometry import cos_sin_turns
from poet.types import Key

LIMIT = 5.12
OPTIMUM = 0.4 * LIMIT
WORST_OFFSET = -LIMIT - OPTIMUM  # from the optimum to the parameter value at which fitness is 0


@dataclasses.dataclass(frozen=True)
class LinearProjection:
    """One of the two functions, as a `poet.envs.base.Problem`.

    The descriptor is a sum over each half of the parameters. A parameter within +-5.12 adds its value, one outside adds
    5.12 divided by its value, so that parameters outside do not extend the descriptor. Fitness falls below 0 far
    outside +-5.12 and, for Rastrigin, near some corners.

    >>> fitness, descriptor = LinearProjection("sphere", num_params=4).evaluate(jax.random.key(0), jnp.zeros(4))
    >>> round(float(fitness), 2), descriptor.tolist()
    (91.84, [0.0, 0.0])
    """

    id: str  # "sphere" or "rastrigin"
    num_params: int
    descriptor_names: tuple[str, ...] = ("sum of first half", "sum of second half")
    fitness_bounds: tuple[float, float] = (0.0, 100.0)
    deterministic: bool = True

    @property
    def descriptor_bounds(self) -> tuple[tuple[float, float], ...]:
        """Smallest and largest sum of each half."""
        largest_sum = LIMIT * self.num_params / 2
        return ((-largest_sum, largest_sum), (-largest_sum, largest_sum))

    def sample(self, key: Key) -> Float[Array, "G"]:
        """Draw all parameters uniformly from [-5.12, 5.12]."""
        return jax.random.uniform(key, (self.num_params,), minval=-LIMIT, maxval=LIMIT)

    def evaluate(self, key: Key, params: Float[Array, "G"]) -> tuple[Float[Array, ""], Float[Array, "2"]]:
        """Fitness, and the sum of each half of the parameters."""
        del key
        cost = _COSTS[self.id]
        fitness = 100 * (1 - jnp.mean(cost(params - OPTIMUM)) / cost(jnp.float32(WORST_OFFSET)))
        folded = jnp.where(jnp.abs(params) <= LIMIT, params, LIMIT / params)
        return fitness, folded.reshape(2, -1).sum(axis=1)


def _rastrigin(offset: Array) -> Array:
    return 10 + jnp.square(offset) - 10 * cos_sin_turns(offset)[0]


_COSTS = {"sphere": jnp.square, "rastrigin": _rastrigin}
