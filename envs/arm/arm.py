"""The planar redundant arm, `arm-v1`: reach every position with joint angles that are as equal as possible.

This is QDax's arm task (after fast_map-elites): angles as shares of a turn, clipped to [0, 1], and the standard
deviation of those shares as the cost. Only the scale differs: QDax's fitness of -0.5 to 0 is 0 to 100 here.
pyribs' arm (Fontaine and Nikolaidis 2021, arXiv 2106.03894) takes unbounded radians and their variance instead.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, UInt8

from poet.envs.trigonometry import cos_sin_turns
from poet.types import Key, Params


@dataclasses.dataclass(frozen=True)
class Arm:
    """An arm of `num_joints` equal links, as a `poet.envs.base.Problem`.

    The base is at (0.5, 0.5) in the unit square; the stretched arm is 0.5 long. A solution f32[num_joints] holds the
    angle of each joint relative to the link before it, as a share of a turn: 0.5 is straight, values are clipped to
    [0, 1]. Fitness is 100 for equal angles and 0 for half of them at 0 and half at 1; the descriptor is the tip's
    position.

    >>> fitness, tip = Arm(num_joints=4).evaluate(jax.random.key(0), jnp.full(4, 0.5))
    >>> float(fitness), tip.tolist()
    (100.0, [1.0, 0.5])
    """

    num_joints: int = 100
    id: str = "arm-v1"
    descriptor_names: tuple[str, ...] = ("x", "y")
    descriptor_bounds: tuple[tuple[float, float], ...] = ((0.0, 1.0), (0.0, 1.0))
    fitness_bounds: tuple[float, float] = (0.0, 100.0)
    deterministic: bool = True

    @property
    def num_params(self) -> int:
        """One angle per joint."""
        return self.num_joints

    def sample(self, key: Key) -> Float[Array, "G"]:
        """Draw all angles uniformly."""
        return jax.random.uniform(key, (self.num_joints,))

    def evaluate(self, key: Key, params: Float[Array, "G"]) -> tuple[Float[Array, ""], Float[Array, "2"]]:
        """Fitness, and the position of the tip."""
        del key
        shares = jnp.clip(params, 0, 1)

        def add_link(joint: tuple[Array, Array, Array], bend: Array) -> tuple[tuple[Array, Array, Array], None]:
            turns, x, y = joint
            turns = turns + bend
            cos, sin = cos_sin_turns(turns)
            return (turns, x + cos, y + sin), None

        # A scan and no cumulative sum, which XLA would compute again for every element that uses it.
        zero = jnp.float32(0)
        (_, x, y), _ = lax.scan(add_link, (zero, zero, zero), shares - 0.5)
        return 100 - 200 * jnp.std(shares), 0.5 + jnp.stack([x, y]) / (2 * self.num_joints)

    def draw(self, params: Params, width: int = 480) -> UInt8[np.ndarray, "H W 3"]:
        """Picture of the arm in the unit square, `width` pixels wide."""
        from poet.envs.arm import viewer

        angles = 2 * np.pi * np.cumsum(np.clip(np.asarray(params, float), 0, 1) - 0.5)
        links = np.stack([np.cos(angles), np.sin(angles)], axis=1) / (2 * self.num_joints)
        return viewer.draw(0.5 + np.concatenate([np.zeros((1, 2)), np.cumsum(links, axis=0)]), width)
