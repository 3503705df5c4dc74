"""POET without episodes: scores are a function of (weight, level), so that its decisions can be computed by hand."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poet.agents.engine import EpisodeResult
from poet.agents.policy import Policy
from poet.envs.base import Box, Interface
from poet.executors.base import Batch, Executor, TrainJob, TrainResult
from poet.learners.base import AskTellLearner
from poet.search.base import Info, Search
from poet.search.poet.algorithm import poet
from poet.search.poet.config import PoetConfig
from poet.search.poet.state import PoetState

Score = Callable[[float, int], float]


class LadderEnvironment(NamedTuple):
    """It has an interface and no episodes, which the fake executor does not need."""

    interface: Interface = Interface("ladder-v1", jax.ShapeDtypeStruct((1,), jnp.float32), Box((1,)), 10)


class Ladder(NamedTuple):
    """Genomes are levels 0, 1, 2, ...; a mutant is one to three levels up, and above 90 it is invalid."""

    id: str = "ladder"
    version: int = 1
    environment: Any = LadderEnvironment()
    reasons: tuple[str, ...] = ("valid", "too high")
    feature_names: tuple[str, ...] = ("level",)
    feature_bounds: tuple[tuple[float, float], ...] = ((0.0, 90.0),)
    deterministic: bool = True
    return_range: tuple[float, float] = (-100.0, 300.0)
    solved_return: float = 230.0

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


PAPER = {"reproduce_threshold": 200.0, "mc_lower": 50.0, "mc_upper": 300.0}  # thresholds as returns
POLICY = Policy(
    2, lambda key: jnp.zeros(2), lambda params: params, lambda weights, memory, obs, key: (weights[:1], memory)
)


class CountingState(NamedTuple):
    """The state of a learner: its weights, and the number of steps since it was made."""

    params: Any
    steps: Any


def counting_learner() -> AskTellLearner:
    return AskTellLearner(
        init=lambda key, params: CountingState(jnp.asarray(params), jnp.int32(0)),
        ask=lambda key, state: (state, jnp.tile(state.params, (4, 1))),
        tell=lambda key, state, candidates, fitness: state._replace(steps=state.steps + 1),
        params=lambda state: state.params,
        with_params=lambda key, state, params: state._replace(params=jnp.asarray(params)),
        population=4,
    )


def fake_executor(score: Score, progress: float = 1.0, calls: list | None = None) -> Executor:
    """A learner step adds `progress` to the first weight; every episode takes ten steps."""
    calls = [] if calls is None else calls

    def score_pairs(pairs: list) -> EpisodeResult:
        fitness = np.array(
            [score(float(params[0]), int(episode.genome["level"])) for params, episode in pairs], np.float32
        )
        num = len(pairs)
        return EpisodeResult(fitness, np.full(num, 10, np.int32), np.ones(num, np.float32), np.zeros((num, 0)))

    def train(jobs: Sequence[TrainJob]) -> list[TrainResult]:
        calls.append(("train", len(jobs)))
        results = []
        for job in jobs:
            assert job.episodes
            learner = job.learner._replace(
                params=np.asarray(job.learner.params) + np.float32([progress, 0]), steps=job.learner.steps + 1
            )
            scored = score_pairs([(job.learner.params, episode) for episode in job.score_episodes])
            population = score_pairs([(learner.params, job.episodes[0])] * 4)
            num_episodes = 4 + len(job.score_episodes)
            results.append(TrainResult(learner, population.fitness, scored, 10 * num_episodes, num_episodes))
        return results

    def evaluate(batch: Batch) -> EpisodeResult:
        calls.append(("evaluate", len(batch.pairs)))
        return score_pairs([(batch.agents[a], batch.episodes[e]) for a, e in batch.pairs])

    def run_items(program: Callable, items: Sequence[tuple]) -> list:
        return [program(*item) for item in items]

    return Executor(train, evaluate, run_items, lambda: {"rollout_s": 0.0}, lambda: calls.append(("close", 0)))


def ladder(
    score: Score, *, progress: float = 1.0, calls: list | None = None, start: tuple = (), **rules: Any
) -> Search[PoetState]:
    executor = fake_executor(score, progress, calls)
    rules = {"threshold_unit": "return", **PAPER, **rules}
    return poet(PoetConfig(**rules), Ladder(), POLICY, counting_learner(), executor, start=start)


def run(search: Search[PoetState], num_steps: int, seed: int = 0) -> tuple[PoetState, list[Info]]:
    """The state after some steps, and what each of them reported."""
    state, infos = search.init(jax.random.key(seed)), []
    for _ in range(num_steps):
        state, info = search.step(state)
        infos.append(info)
    return state, infos


def events_of(infos: Sequence[Info], event: str) -> list[dict[str, Any]]:
    """The events of one kind, in order."""
    return [each for info in infos for each in info.events if each["event"] == event]
