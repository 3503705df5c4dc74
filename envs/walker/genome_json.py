"""Obstacle genomes as JSON, in the units of the original."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from poet.envs.genome_json import check_fields
from poet.envs.walker.config import WalkerConfig
from poet.envs.walker.genome import PIT_UNIT, ROUGHNESS_UNIT, STAIR_UNIT, STUMP_UNIT, ObstacleGenome
from poet.errors import ConfigError

MAX_SEED = 1_000_000  # excluded


def to_json(genome: ObstacleGenome, id: str, version: int) -> dict[str, Any]:
    """The genome without loss of precision."""
    units = {"pit": PIT_UNIT, "stump": STUMP_UNIT, "stair": STAIR_UNIT}
    ranges = {name: [round(int(n) * unit, 1) for n in getattr(genome, name)] for name, unit in units.items()}
    return {
        "id": id,
        "version": version,
        "roughness": round(int(genome.roughness) * ROUGHNESS_UNIT, 1),
        **ranges,
        "stair_steps": int(genome.stair_steps),
        "seed": int(genome.seed),
    }


def from_json(data: dict[str, Any], id: str, version: int) -> ObstacleGenome:
    """Inverse of `to_json`. Raises `ConfigError` for another id, version or field, and for values between units."""
    check_fields(data, id, version, ObstacleGenome._fields)
    return ObstacleGenome(
        roughness=_to_units("roughness", [data["roughness"]], 1, ROUGHNESS_UNIT).reshape(()),
        pit=_to_units("pit", data["pit"], 2, PIT_UNIT),
        stump=_to_units("stump", data["stump"], 2, STUMP_UNIT),
        stair=_to_units("stair", data["stair"], 2, STAIR_UNIT),
        stair_steps=_to_units("stair_steps", [data["stair_steps"]], 1, 1).reshape(()),
        seed=_to_units("seed", [data["seed"]], 1, 1).reshape(()),
    )


def json_schema(config: WalkerConfig, id: str, version: int) -> dict[str, Any]:
    """A JSON Schema of what `from_json` accepts and `check` finds valid, as far as a schema can express it."""

    def number(high: float, unit: float) -> dict[str, Any]:
        return {"type": "number", "minimum": 0, "maximum": high, "multipleOf": unit}

    def size_range(high: float, unit: float, what: str) -> dict[str, Any]:
        text = f"[smallest, largest] {what}, in terrain steps of 14/30 m; [0, 0] for none"
        return {
            "type": "array",
            "items": number(high, unit),
            "minItems": 2,
            "maxItems": 2,
            "description": text,
        }

    max_stair, max_stair_steps = (config.max_stair, config.max_stair_steps) if config.stairs else (0, 0)
    properties = {
        "id": {"const": id},
        "version": {"const": version},
        "roughness": number(config.max_roughness, ROUGHNESS_UNIT),
        "pit": size_range(config.max_pit, PIT_UNIT, "opening of a pit"),
        "stump": size_range(config.max_stump, STUMP_UNIT, "height of a stump"),
        "stair": size_range(max_stair, STAIR_UNIT, "height of one stair step"),
        "stair_steps": {"type": "integer", "minimum": 0, "maximum": max_stair_steps},
        "seed": {"type": "integer", "minimum": 0, "maximum": MAX_SEED - 1},
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _to_units(name: str, values: Sequence[Any], length: int, unit: float) -> Int[Array, "n"]:
    """Values in the original's units as integers."""
    finite = isinstance(values, list | tuple) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 2**31 for v in values
    )
    if not finite or len(values) != length:
        raise ConfigError(f"{name} expects {length} finite number(s), got {values!r}")
    scaled = np.asarray(values, float) / unit
    rounded = np.round(scaled)
    if not (np.abs(scaled - rounded) < 1e-6).all():
        raise ConfigError(f"{name} expects multiples of {unit}, got {values!r}")
    return jnp.asarray(rounded, jnp.int32)
