"""Obstacle courses for the walker: POET's own encoding and mutation (arXiv 1901.01753)."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from poet.envs.walker import describe
from poet.envs.walker.config import WalkerConfig
from poet.envs.walker.genome import PIT_UNIT, ROUGHNESS_UNIT, STAIR_UNIT, STUMP_UNIT, ObstacleGenome
from poet.envs.walker.terrain import Terrain, build_terrain
from poet.errors import ConfigError
from poet.types import Key, PyTree

if TYPE_CHECKING:
    from poet.envs.walker.env import Walker

MAX_SEED = 1_000_000
ROUGHNESS_STEP = 6.0  # lattice units: uniform within +-0.6
FIRST_HIGH = 2  # lattice units: an obstacle starts as (0, 2) and its largest never gets smaller
# The eight ways in which (lo, hi) can move by one step each.
MOVES = np.array([(lo, hi) for lo in (1, 0, -1) for hi in (1, 0, -1) if (lo, hi) != (0, 0)], np.int32)
UNITS = {"pit": PIT_UNIT, "stump": STUMP_UNIT, "stair": STAIR_UNIT}
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
    """Rough ground, pits, stumps and, if wanted, stairs, within the config's limits."""

    config: WalkerConfig = dataclasses.field(default_factory=WalkerConfig)

    @property
    def id(self) -> str:
        """Name in the registry."""
        return self.config.id

    @property
    def version(self) -> int:
        """Raised when an old genome would mean another course."""
        return 1

    @property
    def reasons(self) -> tuple[str, ...]:
        """What `check` can find."""
        return REASONS

    @property
    def environment(self) -> "Walker":
        """The walker on such courses."""
        from poet.envs.walker.env import Walker

        return Walker(sweeps=self.config.sweeps, horizon=self.config.horizon, terrain=self.config.terrain)

    @property
    def deterministic(self) -> bool:
        """A fixed course and start leave nothing to chance."""
        return self.config.terrain == "fixed"

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The original's five coordinates; three more with stairs."""
        names = ("roughness", "pit_lo", "pit_hi", "stump_lo", "stump_hi")
        return (*names, "stair_lo", "stair_hi", "stair_steps") if self.config.stairs else names

    @property
    def feature_bounds(self) -> tuple[tuple[float, float], ...]:
        """In the original's raw units."""
        c = self.config
        highs = (c.max_roughness, c.max_pit, c.max_pit, c.max_stump, c.max_stump)
        stairs = (c.max_stair, c.max_stair, float(c.max_stair_steps)) if c.stairs else ()
        return tuple((0.0, high) for high in (*highs, *stairs))

    def _limits(self) -> dict[str, int]:
        """The largest value of each kind, in lattice units; 0 for stairs when there are none."""
        c = self.config
        return {
            "roughness": _units(c.max_roughness, ROUGHNESS_UNIT),
            "pit": _units(c.max_pit, PIT_UNIT),
            "stump": _units(c.max_stump, STUMP_UNIT),
            "stair": _units(c.max_stair, STAIR_UNIT) if c.stairs else 0,
            "stair_steps": c.max_stair_steps if c.stairs else 0,
        }

    def sample(self, key: Key) -> ObstacleGenome:
        """Each kind is there or not with equal chance, its sizes anywhere within the limits."""
        limits = self._limits()
        u = jax.random.uniform(key, (12,))  # one draw for all: random bits are most of what there is to compile

        def interval(u: Array, limit: int) -> Int[Array, "2"]:
            if limit == 0:
                return jnp.zeros(2, jnp.int32)
            hi = _integer(u[0], FIRST_HIGH, limit)
            return jnp.where(u[2] < 0.5, jnp.stack([_integer(u[1], 0, hi), hi]), 0)

        stair = interval(u[6:9], limits["stair"])
        return ObstacleGenome(
            roughness=_integer(u[9], 0, limits["roughness"]),
            pit=interval(u[0:3], limits["pit"]),
            stump=interval(u[3:6], limits["stump"]),
            stair=stair,
            stair_steps=jnp.where(stair[1] > 0, _integer(u[10], 1, limits["stair_steps"]), 0),
            seed=self._seed(u[11]),
        )

    def mutate(self, key: Key, genome: ObstacleGenome, strength: Float[Array, ""] | float) -> ObstacleGenome:
        """The original's step at strength 1; another strength is rounded to the lattice, up or down by chance."""
        limits = self._limits()
        kinds = ("roughness", "pit", "stump", "stair") if self.config.stairs else ("roughness", "pit", "stump")
        u = jax.random.uniform(key, (10,))
        one = _integer(u[0], 0, len(kinds) - 1)
        moved = {
            "roughness": _wander(u[1], genome.roughness, limits["roughness"], strength),
            "pit": _move(u[2:4], genome.pit, limits["pit"], strength),
            "stump": _move(u[4:6], genome.stump, limits["stump"], strength),
            "stair": _move(u[6:8], genome.stair, limits["stair"], strength),
        }
        for i, kind in enumerate(kinds):
            if self.config.mutate == "one":
                moved[kind] = jnp.where(one == i, moved[kind], getattr(genome, kind))
        child = genome._replace(**{kind: moved[kind] for kind in kinds}, seed=self._seed(u[8]))
        if not self.config.stairs:
            return child
        step = _integer(u[9], -1, 1) * jnp.any(child.stair != genome.stair)
        steps = jnp.clip(genome.stair_steps + step, 1, limits["stair_steps"])
        return child._replace(stair_steps=jnp.where(child.stair[1] > 0, steps, 0))

    def crossover(self, key: Key, a: ObstacleGenome, b: ObstacleGenome) -> ObstacleGenome:
        """Each kind of obstacle whole from one parent or the other, on a new course."""
        u = jax.random.uniform(key, (5,))
        coin = u < 0.5
        take = ObstacleGenome(coin[0], coin[1], coin[2], coin[3], coin[3], coin[0])
        return jax.tree.map(jnp.where, take, a, b)._replace(seed=self._seed(u[4]))

    def repair(self, genome: ObstacleGenome) -> ObstacleGenome:
        """The nearest genome within the limits."""
        limits = self._limits()

        def interval(pair: Int[Array, "2"], limit: int) -> Int[Array, "2"]:
            hi = jnp.clip(pair[1], min(FIRST_HIGH, limit), limit)
            return jnp.where(pair[1] > 0, jnp.stack([jnp.clip(pair[0], 0, hi), hi]), 0)

        stair = interval(genome.stair, limits["stair"])
        steps = jnp.clip(genome.stair_steps, 1, max(limits["stair_steps"], 1))
        return ObstacleGenome(
            roughness=jnp.clip(genome.roughness, 0, limits["roughness"]),
            pit=interval(genome.pit, limits["pit"]),
            stump=interval(genome.stump, limits["stump"]),
            stair=stair,
            stair_steps=jnp.where(stair[1] > 0, steps, 0),
            seed=jnp.clip(genome.seed, 0, MAX_SEED - 1),
        )

    def check(self, genome: ObstacleGenome) -> tuple[Bool[Array, ""], Int[Array, ""]]:
        """Whether it is within the limits, and the index of the first reason why not."""
        limits = self._limits()

        def interval(pair: Int[Array, "2"], limit: int) -> Bool[Array, ""]:
            inside = (pair[0] >= 0) & (pair[0] <= pair[1]) & (pair[1] >= FIRST_HIGH) & (pair[1] <= limit)
            return inside | jnp.all(pair == 0)

        steps, stairs = genome.stair_steps, genome.stair[1] > 0
        good = jnp.stack(
            [
                (genome.roughness >= 0) & (genome.roughness <= limits["roughness"]),
                interval(genome.pit, limits["pit"]),
                interval(genome.stump, limits["stump"]),
                interval(genome.stair, limits["stair"]),
                jnp.where(stairs, (steps >= 1) & (steps <= limits["stair_steps"]), steps == 0),
                (genome.seed >= 0) & (genome.seed < MAX_SEED),
            ]
        )
        return good.all(), jnp.where(good.all(), 0, 1 + jnp.argmin(good))

    def features(self, genome: ObstacleGenome) -> Float[Array, "F"]:
        """The original's novelty coordinates, in its raw units."""
        lattice = [genome.roughness[None], genome.pit, genome.stump]
        units = [ROUGHNESS_UNIT, PIT_UNIT, PIT_UNIT, STUMP_UNIT, STUMP_UNIT]
        if self.config.stairs:
            lattice += [genome.stair, genome.stair_steps[None]]
            units += [STAIR_UNIT, STAIR_UNIT, 1.0]
        return jnp.concatenate(lattice).astype(jnp.float32) * jnp.array(units, jnp.float32)

    def simplest(self) -> ObstacleGenome:
        """Flat ground without obstacles."""
        zero, pair = jnp.zeros((), jnp.int32), jnp.zeros(2, jnp.int32)
        return ObstacleGenome(zero, pair, pair, pair, zero, zero)

    def describe(self, genome: ObstacleGenome) -> str:
        """What a walker meets, in words and metres."""
        return describe.describe(genome)

    def difficulty_class(self, genome: ObstacleGenome) -> str:
        """The paper's class: "", "challenging", "very challenging" or "extremely challenging"."""
        return describe.difficulty_class(genome)

    def to_json(self, genome: ObstacleGenome) -> dict[str, Any]:
        """Exact, in the original's raw units."""
        pairs = {name: [round(int(n) * unit, 1) for n in getattr(genome, name)] for name, unit in UNITS.items()}
        return {
            "id": self.id,
            "version": self.version,
            "roughness": round(int(genome.roughness) * ROUGHNESS_UNIT, 1),
            **pairs,
            "stair_steps": int(genome.stair_steps),
            "seed": int(genome.seed),
        }

    def from_json(self, data: dict[str, Any]) -> ObstacleGenome:
        """Inverse of `to_json`. Raises `ConfigError` for another id, version, field or value off the lattice."""
        if not isinstance(data, dict) or (data.get("id"), data.get("version")) != (self.id, self.version):
            raise ConfigError(f"expected a genome of {self.id!r} version {self.version}, got {data!r:.200}")
        fields = {"id", "version", *ObstacleGenome._fields}
        if set(data) != fields:
            raise ConfigError(f"a {self.id!r} genome has the fields {sorted(fields)}, got {sorted(data)}")
        return ObstacleGenome(
            roughness=_lattice("roughness", [data["roughness"]], 1, ROUGHNESS_UNIT).reshape(()),
            pit=_lattice("pit", data["pit"], 2, PIT_UNIT),
            stump=_lattice("stump", data["stump"], 2, STUMP_UNIT),
            stair=_lattice("stair", data["stair"], 2, STAIR_UNIT),
            stair_steps=_lattice("stair_steps", [data["stair_steps"]], 1, 1).reshape(()),
            seed=_lattice("seed", [data["seed"]], 1, 1).reshape(()),
        )

    def json_schema(self) -> dict[str, Any]:
        """What `from_json` accepts and `check` finds valid, as far as JSON Schema can say it."""
        c = self.config

        def number(high: float, unit: float) -> dict[str, Any]:
            return {"type": "number", "minimum": 0, "maximum": high, "multipleOf": unit}

        def pair(high: float, unit: float, what: str) -> dict[str, Any]:
            text = f"[smallest, largest] {what}, in terrain steps of 14/30 m; [0, 0] for none"
            return {
                "type": "array",
                "items": number(high, unit),
                "minItems": 2,
                "maxItems": 2,
                "description": text,
            }

        properties = {
            "id": {"const": self.id},
            "version": {"const": self.version},
            "roughness": number(c.max_roughness, ROUGHNESS_UNIT),
            "pit": pair(c.max_pit, PIT_UNIT, "opening of a pit"),
            "stump": pair(c.max_stump, STUMP_UNIT, "height of a stump"),
            "stair": pair(c.max_stair if c.stairs else 0, STAIR_UNIT, "height of one stair step"),
            "stair_steps": {"type": "integer", "minimum": 0, "maximum": c.max_stair_steps if c.stairs else 0},
            "seed": {"type": "integer", "minimum": 0, "maximum": MAX_SEED - 1},
        }
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def draw_course(self, genome: ObstacleGenome, width: int = 1600) -> UInt8[np.ndarray, "H W 3"]:
        """The course from start to end as one strip; where courses are fresh, one of them."""
        from poet.envs.walker import viewer

        return viewer.draw_course(_course(genome), width)

    def render(self, genome: ObstacleGenome, trajectory: PyTree, level: Terrain | None = None) -> list[np.ndarray]:
        """An episode as frames u8[H, W, 3]; `trajectory` holds its worlds stacked along time, or is those worlds.

        Where courses are fresh the genome does not tell which it was: give the level. Raises `ConfigError`.
        """
        from poet.envs.walker import viewer

        if level is None and not self.deterministic:
            raise ConfigError("walker: terrain is fresh in every episode; render expects the episode's level")
        level = level or _course(genome)
        return viewer.render(level, getattr(trajectory, "worlds", trajectory))

    def _seed(self, u: Array) -> Int[Array, ""]:
        """A course of its own for a new genome; none where courses are fresh, so that equal genomes stay equal."""
        return _integer(u, 0, MAX_SEED - 1) if self.deterministic else jnp.zeros((), jnp.int32)


@jax.jit
def _course(genome: ObstacleGenome) -> Terrain:
    return build_terrain(jax.random.key(genome.seed), genome)


def _units(value: float, unit: float) -> int:
    return int(value / unit + 1e-6)


def _integer(u: Array, low: Array | int, high: Array | int) -> Int[Array, ""]:
    """Uniform over low .. high, both included, from u uniform in [0, 1)."""
    return jnp.minimum(low + jnp.floor(u * (high - low + 1)).astype(jnp.int32), high)


def _wander(u: Array, value: Array, limit: int, strength: Float[Array, ""] | float) -> Int[Array, ""]:
    change = strength * ROUGHNESS_STEP * (2 * u - 1)
    return jnp.clip(value + jnp.round(change).astype(jnp.int32), 0, limit)


def _move(u: Array, pair: Int[Array, "2"], limit: int, strength: Float[Array, ""] | float) -> Int[Array, "2"]:
    """One of the moves that stay within bounds; an absent obstacle appears at its smallest."""
    step = jnp.floor(strength + u[0]).astype(jnp.int32)
    moved = pair + step * MOVES
    good = (moved[:, 0] >= 0) & (moved[:, 0] <= moved[:, 1]) & (moved[:, 1] >= FIRST_HIGH) & (moved[:, 1] <= limit)
    pick = jnp.argmax(good & (jnp.cumsum(good) - 1 == _integer(u[1], 0, good.sum() - 1)))
    moved = jnp.where(good.any(), moved[pick], pair)
    first = jnp.where(step > 0, jnp.array([0, FIRST_HIGH], jnp.int32), pair)
    return jnp.where(pair[1] == 0, first, moved)


def _lattice(name: str, values: Sequence[Any], length: int, unit: float) -> Int[Array, "n"]:
    """Raw values as lattice units."""
    plain = isinstance(values, list | tuple) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 2**31 for v in values
    )
    if not plain or len(values) != length:
        raise ConfigError(f"{name} expects {length} finite number(s), got {values!r}")
    scaled = np.asarray(values, float) / unit
    units = np.round(scaled)
    if not (np.abs(scaled - units) < 1e-6).all():
        raise ConfigError(f"{name} expects multiples of {unit}, got {values!r}")
    return jnp.asarray(units, jnp.int32)
