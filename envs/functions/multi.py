"""Two Rastrigin functions whose optima lie apart: the two objectives that MOME is shown on (Pierrot et al. 2022,
arXiv 2202.03057), with the numbers of QDax's example: optima at 0 and 2.2, solutions drawn from [-2, 4].
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from poet.envs.turns import cos_sin
from poet.types import Key

LOW, HIGH = -2.0, 4.0
OPTIMA = (0.0, 2.2)
MIDDLE, HALF = (OPTIMA[1] + OPTIMA[0]) / 2, (OPTIMA[1] - OPTIMA[0]) / 2
# A coordinate u away from the middle costs both together 20 + 2 u^2 + 2 HALF^2 - WAVES cos(2 pi u).
WAVES = 20 * math.cos(2 * math.pi * HALF)


@dataclasses.dataclass(frozen=True)
class TwoRastrigins:
    """An `poet.envs.base.Problem` of two objectives, 0 at best each; the descriptor is the first two coordinates.

    Nothing is clipped: a search that leaves the box is kept in by its own bounds, or by the archive.
    """

    num_params: int
    id: str = "rastrigin-multi"
    num_objectives: int = 2
    descriptor_names: tuple[str, ...] = ("first", "second")
    descriptor_bounds: tuple[tuple[float, float], ...] = ((LOW, HIGH), (LOW, HIGH))
    deterministic: bool = True

    @property
    def fitness_bounds(self) -> tuple[float, float]:
        """Of the sum: what no solution in the box falls below, and what the one half-way between the optima has."""
        best = 20 + 2 * HALF**2 - WAVES
        worst = 20 + 2 * HALF**2 + WAVES + 2 * max(MIDDLE - LOW, HIGH - MIDDLE) ** 2
        return -self.num_params * worst, -self.num_params * best

    def sample(self, key: Key) -> Float[Array, "G"]:
        """Uniform in the box."""
        return jax.random.uniform(key, (self.num_params,), minval=LOW, maxval=HIGH)

    def evaluate(self, key: Key, params: Float[Array, "G"]) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
        """Both objectives, and where the first two coordinates are."""
        del key
        off = params - jnp.array(OPTIMA)[:, None]
        return -(10 + jnp.square(off) - 10 * cos_sin(off)[0]).sum(axis=1), params[:2]
