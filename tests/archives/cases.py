"""The archives that every contract test runs against: add an archive, add a row."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives import make
from poet.archives.base import Archive, Entries
from poet.archives.layout import num_objectives

BOUNDS = [[-1.0, 1.0], [0.0, 4.0]]
SOFT = {"threshold_min": -2.0, "learning_rate": 0.3}
SPECS = {
    "grid": {"kind": "grid", "shape": [5, 3], "bounds": BOUNDS},
    "grid-reject": {"kind": "grid", "shape": [5, 3], "bounds": BOUNDS, "out_of_bounds": "reject"},
    "grid-soft": {"kind": "grid", "shape": [5, 3], "bounds": BOUNDS, "soft": SOFT},
    "cvt": {"kind": "cvt", "num_cells": 15, "bounds": BOUNDS, "samples": 300},
    "cvt-soft": {"kind": "cvt", "num_cells": 15, "bounds": BOUNDS, "samples": 300, "soft": SOFT},
    "unstructured": {"kind": "unstructured", "capacity": 12, "bounds": BOUNDS, "threshold": 0.4},
    "unstructured-roomy": {"kind": "unstructured", "capacity": 80, "bounds": BOUNDS, "threshold": 0.2},
    "pareto": {"kind": "pareto", "shape": [5, 3], "bounds": BOUNDS, "front": 4, "num_objectives": 2},
    "pareto-one": {"kind": "pareto", "shape": [5, 3], "bounds": BOUNDS, "front": 3, "num_objectives": 1},
}


def names(*default: str) -> list:
    """All of them, to be run by default or with the slow ones: every row compiles programs of its own."""
    return [name if name in default else pytest.param(name, marks=pytest.mark.slow) for name in SPECS]


NAMES = names("grid", "grid-soft", "cvt", "unstructured", "pareto")
EXAMPLE = {"x": jnp.zeros(3), "n": jnp.zeros((), jnp.int32)}


@functools.cache
def archive(name: str) -> Archive:
    """With its functions compiled: what is not, compiles operation by operation."""
    return compiled(make(SPECS[name]))


def compiled(made: Archive) -> Archive:
    return Archive(
        jax.jit(made.init), jax.jit(made.add), jax.jit(made.sample, static_argnums=2), jax.jit(made.elites), made.spec
    )


def batch(seed: int, size: int = 32, iteration: int = 0, levels: int = 5, made: Archive | None = None) -> Entries:
    """Random entries with few levels of fitness, so that ties are common; payloads tell who they are.

    One number each is their fitness, or as many as the archive that was `made` has objectives.
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
    return jax.tree.map(lambda leaf: np.asarray(leaf)[np.asarray(rows)], entries)
