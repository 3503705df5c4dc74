"""Compiled programs that several calls of a view share: one for each environment, policy and rollout engine."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from poet.types import Genome

if TYPE_CHECKING:
    from poet.agents.config import EngineConfig, PolicyConfig
    from poet.agents.engine import Engine
    from poet.envs.base import Environment


def engine_for(environment: Environment, policy: PolicyConfig, config: EngineConfig, genome: Genome) -> Engine:
    """The engine for genomes like this one; `run` is compiled."""
    leaves, structure = jax.tree.flatten(genome)
    shapes = tuple((np.shape(leaf), np.asarray(leaf).dtype) for leaf in leaves)
    return _engine(environment, policy, config, structure, shapes)


@functools.lru_cache(maxsize=8)
def _engine(
    environment: Environment, policy: PolicyConfig, config: EngineConfig, structure: Any, shapes: Any
) -> Engine:
    genome = jax.tree.unflatten(structure, [np.zeros(*shape) for shape in shapes])
    engine = config.make(environment, policy.make(environment.interface), genome)
    return engine._replace(run=jax.jit(engine.run)) if engine.traceable else engine
