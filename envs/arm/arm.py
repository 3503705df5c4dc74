"""The planar redundant arm, `arm-v1`: reach every place with joints bent as evenly as can be.

This is QDax's arm task (after fast_map-elites): angles as shares of a turn, clipped to [0, 1], and the standard
deviation of those shares as the cost; only the scale differs, since QDax's fitness of -0.5 to 0 is 0 to 100 here.
pyribs' arm (Fontaine and Nikolaidis 2021, arXiv 2106.03894) takes unbounded radians and their variance instead.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, UInt8

from poet.envs.turns import cos_sin
from poet.types import Key


@dataclasses.dataclass(frozen=True)
class Arm:
    """Links of equal length from (0.5, 0.5), together half as long as the unit square, as a `Problem`."""

    num_joints: int = 100
    id: str = "arm-v1"
    descriptor_names: tuple[str, ...] = ("x", "y")
    descriptor_bounds: tuple[tuple[float, float], ...] = ((0.0, 1.0), (0.0, 1.0))
    fitness_bounds: tuple[float, float] = (0.0, 100.0)
    deterministic: bool = True

    @property
    def num_params(self) -> int:
        """One for each joint."""
        return self.num_joints

    def sample(self, key: Key) -> Float[Array, "G"]:
        """Any angles."""
        return jax.random.uniform(key, (self.num_joints,))

    def evaluate(self, key: Key, params: Float[Array, "G"]) -> tuple[Float[Array, ""], Float[Array, "2"]]:
        """100 for equal angles down to 0 for half of them at either end; and where the tip is."""
        del key
        share = jnp.clip(params, 0, 1)

        def link(joint: tuple[Array, Array, Array], bend: Array) -> tuple[tuple[Array, Array, Array], None]:
            turns, x, y = joint
            turns = turns + bend
            cos, sin = cos_sin(turns)
            return (turns, x + cos, y + sin), None

        # Link by link, since a cumulative sum would be computed anew for each number that XLA makes of it.
        zero = jnp.float32(0)
        (_, x, y), _ = lax.scan(link, (zero, zero, zero), share - 0.5)
        return 100 - 200 * jnp.std(share), 0.5 + jnp.stack([x, y]) / (2 * self.num_joints)

    def draw(self, params: Float[Array, "G"], width: int = 480) -> UInt8[np.ndarray, "H W 3"]:
        """The arm in the square that it can reach."""
        from poet.envs.arm import viewer

        angle = 2 * np.pi * np.cumsum(np.clip(np.asarray(params, float), 0, 1) - 0.5)
        links = np.stack([np.cos(angle), np.sin(angle)], axis=1) / (2 * self.num_joints)
        return viewer.draw(0.5 + np.concatenate([np.zeros((1, 2)), np.cumsum(links, axis=0)]), width)
