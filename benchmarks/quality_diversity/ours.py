"""This project, as a user of the library has it."""

import jax
import jax.numpy as jnp
import numpy as np

import archives
from archives.base import Archive, Entries, entries
from benchmarks.quality_diversity import worker
from envs.arm.config import ArmConfig
from envs.functions.config import RastriginConfig, SphereConfig

PROBLEMS = {"sphere": SphereConfig(), "rastrigin": RastriginConfig(), "arm": ArmConfig()}


def make_archive(kind: str, cells: int, bounds, **soft: float) -> Archive:
    shape = {"shape": (worker.side(cells),) * 2} if kind == "grid" else {"num_cells": cells}
    return archives.make(archives.ArchiveConfig(kind=kind, **shape, **soft).spec(bounds))


def evaluate(task: str, solutions: list) -> dict:
    problem = PROBLEMS[task].make()
    score = jax.jit(jax.vmap(problem.evaluate, in_axes=(None, 0)))
    fitness, descriptor = score(jax.random.key(0), jnp.asarray(solutions, jnp.float32))
    return {"fitness": np.asarray(fitness).tolist(), "descriptor": np.asarray(descriptor).tolist()}


def insert(kind: str, cells: int, size: int, payload: int, filled: bool, seed: int) -> dict:
    archive = make_archive(kind, cells, ((0.0, 1.0), (0.0, 1.0)))
    add = jax.jit(archive.add, donate_argnums=0)

    def batch(number: int) -> Entries:
        return entries(*map(jnp.asarray, worker.random_entries(size, payload, number)), iteration=number)

    new, old = batch(seed), batch(seed + 1)

    def empty():
        state = archive.init(jnp.zeros(payload))
        return jax.block_until_ready(add(state, old)[0] if filled else state)

    state = add(empty(), new)[0]
    elites = int(archive.elites(state).valid.sum())
    done = worker.timed_insertions(empty, lambda state: jax.block_until_ready(add(state, new)))
    return {**done, "elites": elites}


def centroids(num: int, samples: int, seed: int) -> dict:
    from archives.centroids import cvt_centroids

    with worker.clock() as spent:
        made = cvt_centroids(num, ((0.0, 1.0), (0.0, 1.0)), seed=seed, samples=samples)
    return {"wall": spent.wall, "cpu": spent.cpu, "centroids": made.tolist()}


if __name__ == "__main__":
    worker.serve(evaluate=evaluate, insert=insert, centroids=centroids)
