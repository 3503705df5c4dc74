"""How good is an agent really: any saved agent, in any environment, on many fresh episodes."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poet.agents.config import PolicyConfig
from poet.agents.policy import mlp
from poet.agents.rollout import Grounds, Outcome, rollout
from poet.envs.base import Environment
from poet.errors import ConfigError
from poet.types import Genome
from poet.view.open import Run

LANES, CHUNK = 128, 32
QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)


class Evaluation(NamedTuple):
    """What E episodes gave; those that broke (NaN) count as unsolved and are left out of mean and spread."""

    agent: str  # whose
    world: str  # where, in words
    fitness: np.ndarray  # f32[E]
    length: np.ndarray  # i32[E], steps
    solved: np.ndarray  # bool[E]: reached the goal, with at least `search.solved` if the run has that

    def summary(self) -> dict[str, Any]:
        """Mean, standard deviation and quantiles of fitness, mean length, share solved, and how many broke."""
        finite = self.fitness[np.isfinite(self.fitness)]
        quantiles = np.quantile(finite, QUANTILES) if len(finite) else np.full(len(QUANTILES), np.nan)
        return {
            "episodes": len(self.fitness),
            "mean": float(finite.mean()) if len(finite) else float("nan"),
            "std": float(finite.std()) if len(finite) else float("nan"),
            "quantiles": {f"{share:.0%}": float(value) for share, value in zip(QUANTILES, quantiles, strict=True)},
            "length": float(self.length.mean()),
            "solved": float(self.solved.mean()),
            "broken": len(self.fitness) - len(finite),
        }


def evaluate(
    run: Run,
    agent: int,
    on: int | str | None = None,
    *,
    occasion: str = "best",
    world_run: Run | None = None,
    episodes: int = 100,
    fresh: bool = True,
    seed: int = 0,
) -> Evaluation:
    """Run an agent in an environment.

    Args:
      run: where the agent is.
      agent: the niche or the elite whose agent it is; `occasion` says which of a niche's agents.
      on: the one whose environment to run in, or "flat", where a run starts; by default the agent's own.
      world_run: the run that has `on`; by default `run`.
      episodes: how many, each with a key of its own.
      fresh: draw another terrain of the same kind in each episode, also where the run kept one per niche.
      seed: of the episodes.

    Raises `ConfigError` if the agent cannot live there, and `RunError` for one that is not there.
    """
    if episodes < 1:
        raise ConfigError(f"episodes expects at least 1, got {episodes}")
    there = world_run or run
    mine, theirs = (r.generator().environment.interface.id for r in (run, there))
    if mine != theirs:
        raise ConfigError(f"an agent of {mine} cannot act in {theirs}: agents go only where the interface is the same")
    genome, where = _world(there, agent if on is None else on)
    environment, weights = _fresh(there) if fresh else there.generator().environment, run.agent(agent, occasion)

    size = LANES * -(-episodes // LANES)
    grounds = Grounds(
        jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (size, *jnp.shape(leaf))), genome),
        jax.random.split(jax.random.key(seed), size),
    )
    queue = jnp.broadcast_to(weights, (size, len(weights)))
    outcome = _program(environment, run.policy_config)(
        queue, grounds, jnp.arange(size), jnp.int32(episodes), jnp.int32(size)
    )
    fitness = np.asarray(outcome.fitness)[:episodes]
    reached = np.asarray(outcome.success)[:episodes] >= 1
    return Evaluation(
        f"{occasion} agent of {run.noun} {agent} of {run.name}",
        where,
        fitness,
        np.asarray(outcome.length)[:episodes],
        reached & (fitness >= run.options["search"].get("solved", -np.inf)),
    )


@functools.lru_cache(maxsize=8)
def _program(environment: Environment, config: PolicyConfig) -> Callable[..., Outcome]:
    """Compiled once for all evaluations in a family of environments."""
    return jax.jit(rollout(environment, mlp(environment.interface, config), LANES, CHUNK))


def _world(run: Run, on: int | str) -> tuple[Genome, str]:
    if on in ("flat", "simplest"):
        genome = run.generator().simplest()
        return genome, f"the simplest environment: {run.generator().describe(genome)}"
    try:
        which = int(on)
    except ValueError as error:
        raise ConfigError(f"on expects the number of a niche or elite, or 'flat', got {on!r}") from error
    return run.genome(which), f"{run.noun} {which} of {run.name}: {run.about(which)[1]}"


def _fresh(run: Run) -> Environment:
    """The run's environment; if its generator's option `terrain` fixes one terrain per genome, with fresh ones."""
    generator = run.generator()
    options: Any = getattr(generator, "config", None)
    if getattr(options, "terrain", None) == "fixed":
        return dataclasses.replace(options, terrain="fresh").make().environment
    return generator.environment
