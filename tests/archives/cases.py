"""The archives that every contract test runs against.

To run the contract against another archive, also of another package, add a row to `CONFIGS`: a name, and an instance of
its `ArchiveConfig`. The archive must

- be registered, as an entry point or with `poet.registry.register`,
- have an option `out_of_bounds`, "clip" or "reject",
- accept descriptors of two coordinates within `BOUNDS`,
- store the four corners of the bounds in different places, and have room for six of the random entries in `batch`.

Tests of archives that are not in the default of `NAMES` are marked as slow or for CI, since each archive compiles its
own programs. To run those of one archive: `pytest tests/archives -m "" -k NAME`.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives import (
    ArchiveConfig,
    BufferConfig,
    CellsConfig,
    CVTConfig,
    GridConfig,
    ParetoConfig,
    UnstructuredConfig,
    make,
)
from poet.archives.base import Archive, Entries
from poet.archives.layout import num_objectives
from poet.registry import register
from poet_curriculum.config import LogGridConfig
from tests.archives.hexagons import HexagonConfig

register(LogGridConfig)
BOUNDS = [[-1.0, 1.0], [0.0, 4.0]]
CONFIGS: dict[str, ArchiveConfig] = {
    "grid": GridConfig(shape=(5, 3)),
    "grid-reject": GridConfig(shape=(5, 3), out_of_bounds="reject"),
    "grid-thresholds": GridConfig(shape=(5, 3), learning_rate=0.3, threshold_min=-2.0),
    "cvt": CVTConfig(num_cells=15),
    "cvt-thresholds": CVTConfig(num_cells=15, learning_rate=0.3, threshold_min=-2.0),
    "unstructured": UnstructuredConfig(capacity=12, min_distance=0.4),
    "unstructured-large": UnstructuredConfig(capacity=80, min_distance=0.2),
    "buffer": BufferConfig(capacity=12),
    "cells": CellsConfig(shape=(5, 3), capacity=12),
    "cells-many": CellsConfig(shape=(5000, 3000), capacity=20),
    "pareto": ParetoConfig(shape=(5, 3), front_size=4),
    "pareto-single-objective": ParetoConfig(shape=(5, 3), front_size=3, num_objectives=1),
    "hexagons": HexagonConfig(),
    "log-grid": LogGridConfig(),
}


def names(*default: str, ci: Sequence[str] = ()) -> list:
    """All rows of the table; those in `ci` are for CI, and those in neither list are marked as slow."""
    marks = {
        name: [] if name in default else [pytest.mark.ci] if name in ci else [pytest.mark.slow] for name in CONFIGS
    }
    return [pytest.param(name, marks=marks[name]) for name in CONFIGS]


NAMES = names("grid", "cvt", "unstructured", "buffer", "cells-many", ci=("grid-thresholds", "pareto", "cells"))
EXAMPLE = {"x": jnp.zeros(3), "n": jnp.zeros((), jnp.int32)}


def archive(name: str) -> Archive:
    """The archive of a row of the table, compiled."""
    return compiled_from(CONFIGS[name])


@functools.cache
def compiled_from(config: ArchiveConfig) -> Archive:
    """The archive of a config for descriptors within `BOUNDS`, compiled."""
    return compiled(make(config.spec(BOUNDS)))


def compiled(made: Archive) -> Archive:
    """The same archive with jitted functions; without jit, every operation is compiled on its own."""
    return Archive(
        jax.jit(made.init), jax.jit(made.add), jax.jit(made.sample, static_argnums=2), jax.jit(made.elites), made.spec
    )


def batch(seed: int, size: int = 32, iteration: int = 0, levels: int = 5, made: Archive | None = None) -> Entries:
    """Random entries whose fitness has few levels, so that ties are common; payloads identify the entries.

    Fitness has as many objectives as the archive `made`, one by default.
    """
    rng = np.random.default_rng([seed, iteration])
    low, high = np.array(BOUNDS).T
    number = np.arange(size)
    objectives = 1 if made is None else num_objectives(made.spec)
    fitness = rng.integers(0, levels, (size, objectives) if objectives > 1 else size)
    return Entries(
        payload={
            "x": np.asarray(np.stack([number, number + 1000 * iteration, number * 0], 1), np.float32),
            "n": np.asarray(number + 1000 * iteration, np.int32),
        },
        fitness=np.asarray(fitness, np.float32),
        descriptor=np.asarray(low + (high - low) * rng.uniform(size=(size, 2)), np.float32),
        id=np.asarray(np.stack([np.full(size, iteration), number], 1), np.uint32),
        parents=np.full((size, 2, 2), 0xFFFFFFFF, np.uint32),
        emitter=np.zeros(size, np.int32),
        valid=np.ones(size, bool),
    )


def take(entries: Entries, rows) -> Entries:
    """Some rows of a batch."""
    return jax.tree.map(lambda leaf: np.asarray(leaf)[np.asarray(rows)], entries)


def assert_equal(a, b) -> None:
    """Raises `AssertionError` unless two trees are equal, bit for bit."""
    jax.tree.map(lambda x, y: np.testing.assert_array_equal(np.asarray(x), np.asarray(y)), a, b)
