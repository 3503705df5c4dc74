"""Craftax-Classic (Matthews et al. 2024, arXiv 2402.16801): gather, craft, eat, fight and survive in an open world."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from poet.envs.adapters.config import CraftaxClassicConfig
from poet.envs.adapters.seeds import Seed, seeds
from poet.envs.base import Discrete, Interface, Step
from poet.envs.vector import VectorGenerator
from poet.extras import import_extra
from poet.types import Key, PyTree

NUM_ACHIEVEMENTS = 22
SOLVED = 20.0  # achievements; about what PPO reaches in 1e9 steps
NO_LIMIT = 2**30  # steps; the time limit is that of the adapter


@dataclasses.dataclass(frozen=True)
class CraftaxClassic:
    """Craftax-Classic with symbolic observations as a `poet.envs.base.Environment`.

    The genome is the seed of the map; creatures move at random. The world is the library's own state. Observations
    f32[1345]: the blocks and creatures of the 7 x 9 tiles around the player, what it has, and how it is. Reward: 1 for
    each achievement, and a tenth of the change of health. An episode terminates when the player dies. Success is the
    share of the 22 achievements; the descriptor is the place of the player as shares of the map. Needs the extra
    `craftax`.

    Attributes:
      horizon: number of steps of an episode.

    Raises `ConfigError` where the library is not installed.
    """

    horizon: int = 10_000
    descriptor_names: tuple[str, ...] = ("column", "row")
    descriptor_bounds: tuple[tuple[float, float], ...] = ((0.0, 1.0), (0.0, 1.0))

    def __post_init__(self) -> None:
        _load()

    @property
    def interface(self) -> Interface:
        """1345 observations, 17 actions."""
        environment, params = _load()
        shape = environment.observation_space(params).shape
        obs, action = jax.ShapeDtypeStruct(shape, jnp.float32), Discrete(environment.num_actions)
        return Interface("craftax-classic-symbolic-v1", obs, action, self.horizon)

    def build(self, key: Key, genome: Seed) -> PyTree:
        """The state of the library in which episodes start."""
        del key
        environment, params = _load()

        # One map at a time: of a batch, XLA for CPU makes wrong ones (jax 0.10.2, from the ninth on).
        @jax.custom_batching.sequential_vmap
        def generate(seed: Int[Array, ""]) -> PyTree:
            return _world(environment.reset_env(jax.random.key(seed), params)[1])

        return generate(genome.seed)

    def reset(self, key: Key, level: PyTree) -> tuple[PyTree, Float[Array, "1345"]]:
        """Start an episode."""
        del key
        return level, self.observe(level, level)

    def step(self, key: Key, level: PyTree, world: PyTree, action: Int[Array, ""]) -> Step:
        """Advance by one action, without the automatic reset of the library."""
        environment, params = _load()
        _, new, reward, died, _ = environment.step_env(key, world, action, params)
        new = jax.tree.map(lambda leaf, old: jnp.asarray(leaf, old.dtype), _world(new), world)
        obs, truncated = self.observe(level, new), new.timestep >= self.horizon
        return Step(new, obs, jnp.asarray(reward, jnp.float32), died, truncated, {})

    def observe(self, level: PyTree, world: PyTree) -> Float[Array, "1345"]:
        """What the player sees, has and is."""
        del level
        return jnp.asarray(_load()[0].get_obs(world), jnp.float32)

    def success(self, level: PyTree, world: PyTree) -> Float[Array, ""]:
        """The share of the achievements."""
        del level
        return jnp.mean(world.achievements, dtype=jnp.float32)

    def descriptor(self, level: PyTree, world: PyTree) -> Float[Array, "2"]:
        """The middle of the player's tile."""
        del level
        rows, columns = world.map.shape
        return (world.player_position[::-1] + 0.5) / jnp.array([columns, rows], jnp.float32)


def craftax_classic(config: CraftaxClassicConfig) -> VectorGenerator:
    """The generator of Craftax-Classic, whose genomes are seeds of maps."""
    return VectorGenerator(
        "craftax-classic",
        CraftaxClassic(config.horizon),
        seeds(config.seed),
        return_range=(0.0, float(NUM_ACHIEVEMENTS)),
        solved_return=SOLVED,
        deterministic=False,
    )


@functools.lru_cache
def _load() -> tuple[Any, Any]:
    """The environment of the library and its parameters."""
    # Modules of the library hold arrays, which must not be those of a program that is being traced.
    with jax.ensure_compile_time_eval():
        classic = import_extra("craftax", "craftax.craftax_classic.envs.craftax_symbolic_env")
        environment = classic.CraftaxClassicSymbolicEnvNoAutoReset()
        return environment, environment.default_params.replace(max_timesteps=NO_LIMIT)


def _world(state: Any) -> PyTree:
    """A state of the library as arrays, without the key that only its pictures use."""
    state = state.replace(state_rng=())
    return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, jnp.result_type(leaf)), state)
