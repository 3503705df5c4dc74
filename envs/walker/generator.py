"""The generator of obstacle courses: POET's own encoding and mutation (Wang et al. 2019, arXiv 1901.01753)."""

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from poet.envs.walker import describe, genome_json
from poet.envs.walker.config import WalkerConfig
from poet.envs.walker.genome import PIT_UNIT, ROUGHNESS_UNIT, STAIR_UNIT, STUMP_UNIT, ObstacleGenome
from poet.envs.walker.genome_json import MAX_SEED
from poet.envs.walker.terrain import Terrain, build_terrain
from poet.errors import ConfigError
from poet.types import Key, PyTree

if TYPE_CHECKING:
    from poet.envs.walker.env import Walker

MAX_ROUGHNESS_CHANGE = 6.0  # units, at strength 1: the change is uniform within +-0.6
FIRST_HIGH = 2  # units: a new obstacle has the range (0, 2), and the upper end never falls below 2
# The eight ways to change the ends of a range (lo, hi) by one step each.
RANGE_CHANGES = np.array([(lo, hi) for lo in (1, 0, -1) for hi in (1, 0, -1) if (lo, hi) != (0, 0)], np.int32)
RETURN_RANGE, SOLVED_RETURN = (-100.0, 300.0), 230.0
REASONS = (
    "valid",
    "roughness out of bounds",
    "pit must be (0, 0) or lo <= hi within bounds",
    "stump must be (0, 0) or lo <= hi within bounds",
    "stair must be (0, 0) or lo <= hi within bounds",
    "stair_steps must be 0 without stairs and within bounds with them",
    "seed out of bounds",
)


@dataclasses.dataclass(frozen=True)
class ObstacleGenerator:
    """Courses of rough ground, pits, stumps and, if enabled, stairs, within the limits of the config.

    >>> generator = ObstacleGenerator(WalkerConfig(stairs=True))
    >>> genome = generator.from_json({"id": "walker", "version": 1, "roughness": 4.5, "pit": [0.0, 6.0],
    ...                               "stump": [0.0, 0.0], "stair": [0.0, 0.0], "stair_steps": 0, "seed": 7})
    >>> generator.describe(genome)
    'rough ground (4.5), pits up to 2.8 m wide'
    >>> generator.difficulty_class(genome)
    'very challenging'
    >>> generator.features(genome)
    Array([4.5, 0. , 6. , 0. , 0. , 0. , 0. , 0. ], dtype=float32)
    """

    config: WalkerConfig = dataclasses.field(default_factory=WalkerConfig)

    @property
    def id(self) -> str:
        """Id in the registry."""
        return self.config.id

    @property
    def version(self) -> int:
        """To be raised when an old genome would mean another terrain."""
        return 1

    @property
    def reasons(self) -> tuple[str, ...]:
        """Results of `check` as text."""
        return REASONS

    @property
    def environment(self) -> "Walker":
        """The walker on these terrains."""
        from poet.envs.walker.env import Walker

        return Walker(sweeps=self.config.sweeps, horizon=self.config.horizon, terrain=self.config.terrain)

    @property
    def deterministic(self) -> bool:
        """True for the terrain "fixed", since only the terrain is random."""
        return self.config.terrain == "fixed"

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The five coordinates of the original, and three more with stairs."""
        names = ("roughness", "pit_lo", "pit_hi", "stump_lo", "stump_hi")
        return (*names, "stair_lo", "stair_hi", "stair_steps") if self.config.stairs else names

    @property
    def feature_bounds(self) -> tuple[tuple[float, float], ...]:
        """(low, high) of each feature in the units of the original."""
        c = self.config
        highs = (c.max_roughness, c.max_pit, c.max_pit, c.max_stump, c.max_stump)
        stairs = (c.max_stair, c.max_stair, float(c.max_stair_steps)) if c.stairs else ()
        return tuple((0.0, high) for high in (*highs, *stairs))

    @property
    def return_range(self) -> tuple[float, float]:
        """An agent that falls gets -100 and the costs of its motors, one that walks to the end of a course 300."""
        return RETURN_RANGE

    @property
    def solved_return(self) -> float:
        """As in the paper."""
        return SOLVED_RETURN

    def _limits(self) -> dict[str, int]:
        """The largest value of each field in its units; 0 for stairs if they are disabled."""
        c = self.config
        return {
            "roughness": _floor_units(c.max_roughness, ROUGHNESS_UNIT),
            "pit": _floor_units(c.max_pit, PIT_UNIT),
            "stump": _floor_units(c.max_stump, STUMP_UNIT),
            "stair": _floor_units(c.max_stair, STAIR_UNIT) if c.stairs else 0,
            "stair_steps": c.max_stair_steps if c.stairs else 0,
        }

    def sample(self, key: Key) -> ObstacleGenome:
        """Draw a genome: each kind of obstacle is present with probability 1/2, sizes are uniform within the limits."""
        limits = self._limits()
        u = jax.random.uniform(key, (12,))  # a single draw, since each draw of random bits is slow to compile

        def size_range(u: Array, limit: int) -> Int[Array, "2"]:
            if limit == 0:
                return jnp.zeros(2, jnp.int32)
            hi = _uniform_integer(u[0], FIRST_HIGH, limit)
            return jnp.where(u[2] < 0.5, jnp.stack([_uniform_integer(u[1], 0, hi), hi]), 0)

        stair = size_range(u[6:9], limits["stair"])
        return ObstacleGenome(
            roughness=_uniform_integer(u[9], 0, limits["roughness"]),
            pit=size_range(u[0:3], limits["pit"]),
            stump=size_range(u[3:6], limits["stump"]),
            stair=stair,
            stair_steps=jnp.where(stair[1] > 0, _uniform_integer(u[10], 1, limits["stair_steps"]), 0),
            seed=self._seed(u[11]),
        )

    def mutate(self, key: Key, genome: ObstacleGenome, strength: Float[Array, ""] | float) -> ObstacleGenome:
        """Vary a genome; strength 1 is the original's step. Fractions of units are rounded up or down at random."""
        limits = self._limits()
        kinds = ("roughness", "pit", "stump", "stair") if self.config.stairs else ("roughness", "pit", "stump")
        u = jax.random.uniform(key, (10,))
        chosen = _uniform_integer(u[0], 0, len(kinds) - 1)
        varied = {
            "roughness": _vary_roughness(u[1], genome.roughness, limits["roughness"], strength),
            "pit": _vary_range(u[2:4], genome.pit, limits["pit"], strength),
            "stump": _vary_range(u[4:6], genome.stump, limits["stump"], strength),
            "stair": _vary_range(u[6:8], genome.stair, limits["stair"], strength),
        }
        for i, kind in enumerate(kinds):
            if self.config.mutation == "one":
                varied[kind] = jnp.where(chosen == i, varied[kind], getattr(genome, kind))
        child = genome._replace(**{kind: varied[kind] for kind in kinds}, seed=self._seed(u[8]))
        if not self.config.stairs:
            return child
        step = _uniform_integer(u[9], -1, 1) * jnp.any(child.stair != genome.stair)
        steps = jnp.clip(genome.stair_steps + step, 1, limits["stair_steps"])
        return child._replace(stair_steps=jnp.where(child.stair[1] > 0, steps, 0))

    def crossover(self, key: Key, genome_a: ObstacleGenome, genome_b: ObstacleGenome) -> ObstacleGenome:
        """A child with another seed that takes roughness and each kind of obstacle from one parent or the other."""
        u = jax.random.uniform(key, (5,))
        first = u < 0.5
        from_a = ObstacleGenome(first[0], first[1], first[2], first[3], first[3], first[0])
        return jax.tree.map(jnp.where, from_a, genome_a, genome_b)._replace(seed=self._seed(u[4]))

    def repair(self, genome: ObstacleGenome) -> ObstacleGenome:
        """The genome with all values clipped to the limits."""
        limits = self._limits()

        def clip_range(pair: Int[Array, "2"], limit: int) -> Int[Array, "2"]:
            hi = jnp.clip(pair[1], min(FIRST_HIGH, limit), limit)
            return jnp.where(pair[1] > 0, jnp.stack([jnp.clip(pair[0], 0, hi), hi]), 0)

        stair = clip_range(genome.stair, limits["stair"])
        steps = jnp.clip(genome.stair_steps, 1, max(limits["stair_steps"], 1))
        return ObstacleGenome(
            roughness=jnp.clip(genome.roughness, 0, limits["roughness"]),
            pit=clip_range(genome.pit, limits["pit"]),
            stump=clip_range(genome.stump, limits["stump"]),
            stair=stair,
            stair_steps=jnp.where(stair[1] > 0, steps, 0),
            seed=jnp.clip(genome.seed, 0, MAX_SEED - 1),
        )

    def check(self, genome: ObstacleGenome) -> tuple[Bool[Array, ""], Int[Array, ""]]:
        """Whether a genome is within the limits, and the index of the first reason if not."""
        limits = self._limits()

        def is_valid_range(pair: Int[Array, "2"], limit: int) -> Bool[Array, ""]:
            inside = (pair[0] >= 0) & (pair[0] <= pair[1]) & (pair[1] >= FIRST_HIGH) & (pair[1] <= limit)
            return inside | jnp.all(pair == 0)

        steps, has_stairs = genome.stair_steps, genome.stair[1] > 0
        satisfied = jnp.stack(
            [
                (genome.roughness >= 0) & (genome.roughness <= limits["roughness"]),
                is_valid_range(genome.pit, limits["pit"]),
                is_valid_range(genome.stump, limits["stump"]),
                is_valid_range(genome.stair, limits["stair"]),
                jnp.where(has_stairs, (steps >= 1) & (steps <= limits["stair_steps"]), steps == 0),
                (genome.seed >= 0) & (genome.seed < MAX_SEED),
            ]
        )
        return satisfied.all(), jnp.where(satisfied.all(), 0, 1 + jnp.argmin(satisfied))

    def features(self, genome: ObstacleGenome) -> Float[Array, "F"]:
        """The original's coordinates for novelty, in its units."""
        values = [genome.roughness[None], genome.pit, genome.stump]
        units = [ROUGHNESS_UNIT, PIT_UNIT, PIT_UNIT, STUMP_UNIT, STUMP_UNIT]
        if self.config.stairs:
            values += [genome.stair, genome.stair_steps[None]]
            units += [STAIR_UNIT, STAIR_UNIT, 1.0]
        return jnp.concatenate(values).astype(jnp.float32) * jnp.array(units, jnp.float32)

    def simplest(self) -> ObstacleGenome:
        """Flat ground without obstacles."""
        zero, absent = jnp.zeros((), jnp.int32), jnp.zeros(2, jnp.int32)
        return ObstacleGenome(zero, absent, absent, absent, zero, zero)

    def describe(self, genome: ObstacleGenome) -> str:
        """Roughness and sizes of obstacles in words, in metres."""
        return describe.describe(genome)

    def difficulty_class(self, genome: ObstacleGenome) -> str:
        """The paper's class: "", "challenging", "very challenging" or "extremely challenging"."""
        return describe.difficulty_class(genome)

    def to_json(self, genome: ObstacleGenome) -> dict[str, Any]:
        """The genome without loss of precision, in the units of the original."""
        return genome_json.to_json(genome, self.id, self.version)

    def from_json(self, data: dict[str, Any]) -> ObstacleGenome:
        """Inverse of `to_json`. Raises `ConfigError` for another id, version or field, and for values between units."""
        return genome_json.from_json(data, self.id, self.version)

    def json_schema(self) -> dict[str, Any]:
        """A JSON Schema of what `from_json` accepts and `check` finds valid."""
        return genome_json.json_schema(self.config, self.id, self.version)

    def draw_level(self, genome: ObstacleGenome, width: int = 1600) -> UInt8[np.ndarray, "H W 3"]:
        """The terrain from start to end, `width` pixels wide; for the terrain "fresh", that of the genome's seed."""
        from poet.envs.walker import viewer

        return viewer.draw_level(_fixed_terrain(genome), width)

    def render(self, genome: ObstacleGenome, trajectory: PyTree, level: Terrain | None = None) -> list[np.ndarray]:
        """One frame u8[H, W, 3] per world; `trajectory` has `worlds`, or is the worlds.

        Raises `ConfigError` without a `level` for the terrain "fresh", which the genome does not determine.
        """
        from poet.envs.walker import viewer

        if level is None and not self.deterministic:
            raise ConfigError("walker: with fresh terrain, render expects the episode's level, got None: pass `level`")
        level = level or _fixed_terrain(genome)
        return viewer.render(level, getattr(trajectory, "worlds", trajectory))

    def _seed(self, u: Array) -> Int[Array, ""]:
        """A random seed for the terrain "fixed"; 0 for "fresh", so that genomes without other differences are equal."""
        return _uniform_integer(u, 0, MAX_SEED - 1) if self.deterministic else jnp.zeros((), jnp.int32)


@jax.jit
def _fixed_terrain(genome: ObstacleGenome) -> Terrain:
    return build_terrain(jax.random.key(genome.seed), genome)


def _floor_units(value: float, unit: float) -> int:
    return int(value / unit + 1e-6)


def _uniform_integer(u: Array, low: Array | int, high: Array | int) -> Int[Array, ""]:
    """An integer uniform over low to high, both included, from u uniform in [0, 1)."""
    return jnp.minimum(low + jnp.floor(u * (high - low + 1)).astype(jnp.int32), high)


def _vary_roughness(u: Array, value: Array, limit: int, strength: Float[Array, ""] | float) -> Int[Array, ""]:
    change = strength * MAX_ROUGHNESS_CHANGE * (2 * u - 1)
    return jnp.clip(value + jnp.round(change).astype(jnp.int32), 0, limit)


def _vary_range(u: Array, pair: Int[Array, "2"], limit: int, strength: Float[Array, ""] | float) -> Int[Array, "2"]:
    """One of the changes that stay within bounds, chosen uniformly; an absent obstacle gets its first range."""
    step = jnp.floor(strength + u[0]).astype(jnp.int32)
    changed = pair + step * RANGE_CHANGES
    valid = (
        (changed[:, 0] >= 0)
        & (changed[:, 0] <= changed[:, 1])
        & (changed[:, 1] >= FIRST_HIGH)
        & (changed[:, 1] <= limit)
    )
    choice = jnp.argmax(valid & (jnp.cumsum(valid) - 1 == _uniform_integer(u[1], 0, valid.sum() - 1)))
    changed = jnp.where(valid.any(), changed[choice], pair)
    first = jnp.where(step > 0, jnp.array([0, FIRST_HIGH], jnp.int32), pair)
    return jnp.where(pair[1] == 0, first, changed)
