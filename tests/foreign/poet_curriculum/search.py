"""Curriculum: train in one environment until it is solved, keep it, go to a mutation of it."""

import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import poet
from poet.agents.policy import Policy
from poet.archives.base import Archive, entries
from poet.archives.stats import summary
from poet.envs.base import Generator
from poet.envs.interface import generator_identity
from poet.executors.base import Episode, Executor, TrainJob
from poet.learners.base import Learner
from poet.search.elites import elites_record
from poet_curriculum.config import CurriculumConfig

START, START_LEARNER, MUTATE, TRAIN, EPISODE = range(5)  # the phases of its keys


class CurriculumState(NamedTuple):
    """A checkpoint is exactly this."""

    key: Any
    iteration: np.ndarray
    env_steps: np.ndarray
    stage: np.ndarray  # i64[], environments solved so far
    genome: Any
    learner: Any
    archive: Any


def curriculum(
    config: CurriculumConfig,
    generator: Generator,
    policy: Policy,
    learner: Learner,
    executor: Executor,
    archive: Archive,
) -> poet.Search[CurriculumState]:
    """The search."""
    mutate, features, check = jax.jit(generator.mutate), jax.jit(generator.features), jax.jit(generator.check)
    add, elites_of = jax.jit(archive.add), jax.jit(archive.elites)
    simplest = jax.tree.map(np.asarray, generator.simplest())
    example = {"genome": simplest, "params": jax.ShapeDtypeStruct((policy.num_params,), jnp.float32)}

    def to_numpy(tree: Any) -> Any:
        return jax.tree.map(np.asarray, tree)

    def init(key):
        state = learner.init(poet.derive_key(key, START_LEARNER), policy.init(poet.derive_key(key, START)))
        zero = np.array(0, np.int64)
        return CurriculumState(key, zero, zero, zero, simplest, to_numpy(state), archive.init(example))

    def step(state):
        began, iteration = time.perf_counter(), int(state.iteration)
        keys = [poet.derive_key(state.key, EPISODE, iteration, episode=n) for n in range(config.num_episodes)]
        episodes = [Episode(state.genome, key) for key in keys]
        job = TrainJob(state.learner, poet.derive_key(state.key, TRAIN, iteration), episodes[:1], episodes)
        (result,) = executor.train([job])
        score = float(result.score.fitness.mean())
        events: list[dict[str, Any]] = []
        artifacts = {}
        genome, stage, kept = state.genome, int(state.stage), state.archive
        if np.isfinite(score) and score >= config.solved_score:
            params = np.asarray(learner.params(state.learner))
            batch = entries(
                jax.tree.map(lambda leaf: np.asarray(leaf)[None], {"genome": genome, "params": params}),
                jnp.array([score], jnp.float32),
                features(genome)[None],
                generation=iteration,
            )
            kept = add(kept, batch)[0]
            meta = {"born": iteration, "fitness": score, "genome": generator.to_json(genome)}
            artifacts[f"stages/{stage}"] = lambda: poet.Record(meta, {"params": params})
            events.append({"event": "solved", "iteration": iteration, "stage": stage, "fitness": score})
            mutant = mutate(poet.derive_key(state.key, MUTATE, iteration), genome, 1.0)
            genome = to_numpy(mutant) if check(mutant)[0] else genome
            stage += 1
        env_steps = int(state.env_steps) + result.num_steps
        elites = to_numpy(elites_of(kept))
        coverage = float(summary(archive.spec, elites).coverage)
        metrics = {"env_steps": env_steps, "score": score, "stage": stage, "coverage": coverage}
        after = CurriculumState(
            state.key,
            np.array(iteration + 1, np.int64),
            np.array(env_steps, np.int64),
            np.array(stage, np.int64),
            genome,
            result.learner,
            kept,
        )
        snapshots = {"elites": lambda: elites_record(archive, elites, iteration=iteration + 1, evaluations=0)}
        timings = {**executor.timings(), "step_s": time.perf_counter() - began}
        return after, poet.Info(tuple(events), metrics, artifacts, snapshots, timings)

    return poet.Search(init, step, executor.close, ("stage", "coverage", "score"), generator_identity(generator))
