"""How good an agent is: any agent on file, in any environment of its interface, on many episodes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poet.activity import doing
from poet.agents.engine import Episodes, Levels
from poet.agents.lane import broadcast
from poet.errors import ConfigError, named_errors
from poet.jax_settings import pinned
from poet.memory import require_memory
from poet.types import numbered_keys
from poet.view.programs import engine_for

if TYPE_CHECKING:
    from poet.envs.base import Environment
    from poet.types import Genome
    from poet.view.agents import AgentRun

EPISODE_BYTES = 100  # of one that waits
QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)
SIMPLEST = "simplest"  # in place of a number: the environment that the generator starts from


class Evaluation(NamedTuple):
    """The results of E episodes. An episode whose fitness is NaN counts as unsolved and has no part in mean and spread.

    Attributes:
      agent: description of the agent.
      environment: description of the environment.
      fitness: f32[E].
      length: i32[E], steps.
      solved: bool[E], whether the goal was reached, with at least the run's threshold `solved_score`, if it has one.
    """

    agent: str
    environment: str
    fitness: np.ndarray
    length: np.ndarray
    solved: np.ndarray

    def summary(self) -> dict[str, Any]:
        """Mean, standard deviation and quantiles of fitness, mean length, share solved, number of broken episodes."""
        finite = self.fitness[np.isfinite(self.fitness)]
        quantiles = np.quantile(finite, QUANTILES) if len(finite) else np.full(len(QUANTILES), np.nan)
        return {
            "episodes": len(self.fitness),
            "mean": float(finite.mean()) if len(finite) else float("nan"),
            "std": float(finite.std()) if len(finite) else float("nan"),
            "quantiles": {f"{share:.0%}": float(value) for share, value in zip(QUANTILES, quantiles, strict=True)},
            "length": float(self.length.mean()),
            "share_solved": float(self.solved.mean()),
            "not_finite": len(self.fitness) - len(finite),
        }


@pinned()
def evaluate(
    run: AgentRun,
    agent: int,
    on: int | str | None = None,
    *,
    snapshot: str = "best",
    environment_run: AgentRun | None = None,
    episodes: int = 100,
    fresh: bool = True,
    seed: int = 0,
) -> Evaluation:
    """Run an agent in an environment.

    Args:
      run: the run that has the agent.
      agent: the niche or the elite whose agent it is; `snapshot` names one of a niche's agents.
      on: the niche or elite whose environment to use, or "simplest" for the generator's simplest; by default the
        agent's own.
      environment_run: the run that has `on`; by default `run`.
      episodes: how many, each with its own key.
      fresh: draw another terrain of the same kind in each episode, also if the run kept one terrain per genome.
      seed: of the episodes.

    Raises `ConfigError` if the agent does not fit the environment, and `RunError` if there is no such agent.
    """
    if episodes < 1:
        raise ConfigError(f"episodes expects at least 1, got {episodes}")
    weights = run.agent(agent, snapshot)
    require_memory(EPISODE_BYTES * episodes, f"{episodes} episodes")
    source = environment_run or run
    interfaces = run.interface().id, source.interface().id
    if interfaces[0] != interfaces[1]:
        raise ConfigError(
            f"an agent of interface {interfaces[0]} cannot act in {interfaces[1]}: choose an environment of the same "
            "interface"
        )
    genome, description = _find_environment(source, agent if on is None else on)
    environment = _with_fresh_terrain(source) if fresh else source.environment()

    with named_errors(f"an episode of generator {source.generator().id!r}"), doing(f"running {episodes} episodes"):
        engine = engine_for(environment, run.policy_config, run.engine_config, genome)
        size = engine.lanes * -(-episodes // engine.lanes)
        levels = Levels(broadcast(genome, size), numbered_keys(jax.random.key(seed), size))
        queue = Episodes(jnp.zeros(size, jnp.int32), jnp.arange(size))
        num = jnp.int32(episodes)
        try:
            result, _ = jax.device_get(engine.run(jnp.asarray(weights)[None], levels, queue, num, num))
        finally:
            engine.close()
    fitness, reached = result.fitness[:episodes], result.success[:episodes] >= 1
    return Evaluation(
        f"{snapshot} agent of {run.agent_kind} {agent} of {run.name}",
        description,
        fitness,
        result.length[:episodes],
        reached & (fitness >= run.thresholds.get("solved_score", -np.inf)),
    )


def _find_environment(run: AgentRun, on: int | str) -> tuple[Genome, str]:
    """The genome and a description of an environment of a run."""
    if on == SIMPLEST:
        genome = run.simplest()
        return genome, f"the simplest environment: {run.describe(genome)}"
    try:
        which = int(on)
    except ValueError as error:
        raise ConfigError(f"on expects the number of a niche or elite, or {SIMPLEST!r}, got {on!r}") from error
    return run.genome(which), f"{run.agent_kind} {which} of {run.name}: {run.caption(which).environment}"


def _with_fresh_terrain(run: AgentRun) -> Environment:
    """The run's environment; if its generator has an option `terrain` that is "fixed", the same with "fresh"."""
    options: Any = getattr(run.generator(), "config", None)
    if getattr(options, "terrain", None) == "fixed":
        return dataclasses.replace(options, terrain="fresh").make().environment
    return run.environment()
