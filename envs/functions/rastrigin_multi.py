"""Two Rastrigin functions with different optima: the two-objective benchmark of MOME (Pierrot et al. 2022,
arXiv 2202.03057), with the numbers of QDax's example: optima at 0 and 2.2, initial solutions drawn from [-2, 4].
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from poet.envs.trigonometry import cos_sin_turns
from poet.types import Key

SAMPLE_LOW, SAMPLE_HIGH = -2.0, 4.0
OPTIMA = (0.0, 2.2)
MIDPOINT, HALF_DISTANCE = (OPTIMA[1] + OPTIMA[0]) / 2, (OPTIMA[1] - OPTIMA[0]) / 2
# A parameter at distance u from the midpoint adds 20 + 2 u^2 + 2 HALF_DISTANCE^2 - COSINE_AMPLITUDE cos(2 pi u) to the
# sum of both costs.
COSINE_AMPLITUDE = 20 * math.cos(2 * math.pi * HALF_DISTANCE)


@dataclasses.dataclass(frozen=True)
class RastriginMulti:
    """Two objectives, each at most 0, as a `poet.envs.base.Problem`; the descriptor is the first two parameters.

    Solutions are not clipped: the search or the archive must keep them within the descriptor bounds.

    >>> fitness, descriptor = RastriginMulti(num_params=4).evaluate(jax.random.key(0), jnp.ones(4))
    >>> [round(float(objective), 1) for objective in fitness], descriptor.tolist()
    ([-4.0, -33.4], [1.0, 1.0])
    """

    num_params: int
    id: str = "rastrigin-multi"
    num_objectives: int = 2
    descriptor_names: tuple[str, ...] = ("parameter 1", "parameter 2")
    descriptor_bounds: tuple[tuple[float, float], ...] = ((SAMPLE_LOW, SAMPLE_HIGH), (SAMPLE_LOW, SAMPLE_HIGH))
    deterministic: bool = True

    @property
    def fitness_bounds(self) -> tuple[float, float]:
        """Bounds of the sum of both objectives within [-2, 4]; the best solution is half-way between the optima."""
        best = 20 + 2 * HALF_DISTANCE**2 - COSINE_AMPLITUDE
        worst = (
            20 + 2 * HALF_DISTANCE**2 + COSINE_AMPLITUDE + 2 * max(MIDPOINT - SAMPLE_LOW, SAMPLE_HIGH - MIDPOINT) ** 2
        )
        return -self.num_params * worst, -self.num_params * best

    def sample(self, key: Key) -> Float[Array, "G"]:
        """Draw all parameters uniformly from [-2, 4]."""
        return jax.random.uniform(key, (self.num_params,), minval=SAMPLE_LOW, maxval=SAMPLE_HIGH)

    def evaluate(self, key: Key, params: Float[Array, "G"]) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
        """Both objectives, and the first two parameters."""
        del key
        offset = params - jnp.array(OPTIMA)[:, None]
        return -(10 + jnp.square(offset) - 10 * cos_sin_turns(offset)[0]).sum(axis=1), params[:2]
