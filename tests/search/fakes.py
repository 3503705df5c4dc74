"""A world without episodes: scores come from a function of (weight, level), so that decisions can be read off."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poet.agents.policy import Policy
from poet.envs.base import Box, Interface
from poet.executors.base import Executor, Progress, Result
from poet.learners.base import Learner
from poet.search.poet.config import PoetConfig
from poet.search.poet.search import poet

Score = Callable[[float, int], float]


class Ladder(NamedTuple):
    """Genomes are levels 0, 1, 2, ...; a mutant is one to three levels up, and above 90 it is invalid."""

    id: str = "ladder"
    version: int = 1
    environment: Any = None
    reasons: tuple[str, ...] = ("valid", "too high")
    feature_names: tuple[str, ...] = ("level",)
    feature_bounds: tuple[tuple[float, float], ...] = ((0.0, 90.0),)
    deterministic: bool = True

    def sample(self, key):  # type: ignore[no-untyped-def]
        return {"level": jax.random.randint(key, (), 0, 91)}

    def mutate(self, key, genome, strength):  # type: ignore[no-untyped-def]
        return {"level": genome["level"] + jax.random.randint(key, (), 1, 4)}

    def check(self, genome):  # type: ignore[no-untyped-def]
        high = jnp.asarray(genome["level"]) > 90
        return ~high, high.astype(jnp.int32)

    def features(self, genome):  # type: ignore[no-untyped-def]
        return jnp.float32(genome["level"])[None]

    def simplest(self) -> dict:
        return {"level": np.int32(0)}

    def describe(self, genome: dict) -> str:
        return f"level {int(genome['level'])}"

    def to_json(self, genome: dict) -> dict:
        return {"id": self.id, "version": self.version, "level": int(genome["level"])}

    def from_json(self, data: dict) -> dict:
        return {"level": np.int32(data["level"])}


POLICY = Policy(2, lambda key: jnp.zeros(2), lambda params: params, lambda tree, obs: tree[:1])
INTERFACE = Interface("ladder-v1", jax.ShapeDtypeStruct((1,), jnp.float32), Box((1,)), 10)


class Walk(NamedTuple):
    """A learner state: the weights, and how many steps were taken since they were installed."""

    params: Any
    steps: Any


def learner() -> Learner:
    return Learner(
        init=lambda key, params: Walk(jnp.asarray(params), jnp.int32(0)),
        ask=lambda key, state: (state, jnp.tile(state.params, (4, 1))),
        tell=lambda key, state, candidates, fitness: state._replace(steps=state.steps + 1),
        params=lambda state: state.params,
        with_params=lambda key, state, params: state._replace(params=jnp.asarray(params)),
        rates=lambda state: {},
        population=4,
    )


def fake_executor(score: Score, progress: float = 1.0, calls: list | None = None) -> Executor:
    """A learner step adds `progress` to the first weight; every episode takes ten steps."""
    calls = [] if calls is None else calls

    def result(pairs: list) -> Result:
        fitness = np.array(
            [score(float(params[0]), int(ground.genome["level"])) for params, ground in pairs], np.float32
        )
        return Result(
            fitness, np.ones(len(pairs), np.float32), np.full(len(pairs), 10, np.int32), np.zeros((len(pairs), 0))
        )

    def optimise(tasks):  # type: ignore[no-untyped-def]
        calls.append(("optimise", len(tasks)))
        done = []
        for task in tasks:
            assert task.grounds
            moved = task.learner._replace(
                params=np.asarray(task.learner.params) + np.float32([progress, 0]), steps=task.learner.steps + 1
            )
            scored = result([(task.learner.params, ground) for ground in task.scored])
            population = result([(moved.params, task.grounds[0])] * 4)
            done.append(Progress(moved, population.fitness, scored, 10 * (4 + len(task.scored)), 4 + len(task.scored)))
        return done

    def evaluate(agents, grounds, pairs):  # type: ignore[no-untyped-def]
        calls.append(("evaluate", len(pairs)))
        return result([(agents[a], grounds[g]) for a, g in pairs])

    return Executor(optimise, evaluate, lambda: {"rollout_s": 0.0})


def ladder(score: Score, *, progress: float = 1.0, calls: list | None = None, start: tuple = (), **rules: Any):  # type: ignore[no-untyped-def]
    return poet(PoetConfig(**rules), Ladder(), POLICY, learner(), fake_executor(score, progress, calls), start=start)


def run(search, steps: int, seed: int = 0):  # type: ignore[no-untyped-def]
    """The state after some steps, and all events."""
    state, events = search.init(jax.random.key(seed)), []
    for _ in range(steps):
        state, info = search.step(state)
        events += info.events
    return state, events


def of(events: list, kind: str) -> list:
    return [event for event in events if event["event"] == kind]
