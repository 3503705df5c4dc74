"""This project: compiled iterations of many generations; their metrics are computed on the host, as in a run."""

import os
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.quality_diversity import worker
from benchmarks.quality_diversity.tasks import DIM, TASKS
from poet.archives.base import Archive, Entries, entries
from poet.archives.config import CVTConfig, GridConfig
from poet.envs.arm.config import ArmConfig
from poet.envs.functions.config import RastriginConfig, SphereConfig
from poet.search.map_elites.algorithm import map_elites
from poet.search.map_elites.config import ESEmitterConfig, IsoLineConfig, MapElitesConfig
from poet.search.map_elites.scoring import problem_scoring

ISLANDS = int(os.environ.get("ISLANDS", "1"))
EVALUATIONS = 131_072  # approximate number per iteration
PROBLEMS = {"sphere": SphereConfig(), "rastrigin": RastriginConfig(), "arm": ArmConfig()}


def make_archive(kind: str, cells: int, bounds, **thresholds: float) -> Archive:
    if kind == "grid":
        return GridConfig(shape=(worker.cells_per_side(cells),) * 2, **thresholds).make(bounds)
    return CVTConfig(num_cells=cells, **thresholds).make(bounds)


def evaluate(task: str, solutions: list) -> dict:
    problem = PROBLEMS[task].make()
    score = jax.jit(jax.vmap(problem.evaluate, in_axes=(None, 0)))
    fitness, descriptor = score(jax.random.key(0), jnp.asarray(solutions, jnp.float32))
    return {"fitness": np.asarray(fitness).tolist(), "descriptor": np.asarray(descriptor).tolist()}


@lru_cache(maxsize=1)
def make_search(task: str, kind: str, cells: int, batch: int, algorithm: str, generations: int):
    """A search after its first iteration, which compiles its programs, and the seconds that this took."""
    options, problem = TASKS[task], PROBLEMS[task].make()
    scoring, emitters, thresholds = problem_scoring(problem), (IsoLineConfig(options.iso, options.line),), {}
    if algorithm != "iso+line":
        emitters = (ESEmitterConfig(sigma=options.sigma),) * 15
        # Strategies start from the same first mean as in the other libraries.
        scoring = scoring._replace(sample=lambda key: jnp.full(DIM, options.mean))
    if algorithm == "CMA-MAE":
        emitters = (ESEmitterConfig(sigma=options.sigma, ranking="improvement", restart="collapsed"),) * 15
        thresholds = dict(learning_rate=0.01, threshold_min=0.0)
    config = MapElitesConfig(batch=batch, generations=generations, initial=batch, islands=ISLANDS, emitters=emitters)
    with worker.stopwatch() as elapsed:
        search = map_elites(config, make_archive(kind, cells, problem.descriptor_bounds, **thresholds), scoring)
        search.step(search.init(jax.random.key(0)))
    return search, elapsed.wall


def run(search, seconds: float, evaluations: int, seed: int) -> dict:
    state, metrics = jax.block_until_ready(search.init(jax.random.key(seed))), {"evaluations": 0}

    def iteration() -> int:
        nonlocal state, metrics
        before = metrics["evaluations"]
        state, info = search.step(state)
        metrics = info.metrics
        return metrics["evaluations"] - before

    done = worker.time_loop(iteration, seconds, evaluations)
    return {**done, "coverage": metrics["coverage"], "qd_score": metrics["qd_score"]}


def loop(task: str, kind: str, cells: int, batch: int, seconds: float, evaluations: int, seed: int) -> dict:
    search, warm_up = make_search(task, kind, cells, batch, "iso+line", EVALUATIONS // batch // ISLANDS)
    return {**run(search, seconds, evaluations, seed), "warm_up": warm_up}


def quality(task: str, kind: str, cells: int, algorithm: str, batch: int, evaluations: int, seed: int) -> dict:
    generations = evaluations // batch - 1  # without the first batch
    iterations = next(n for n in range(generations // 400 + 1, generations + 1) if generations % n == 0)
    search, _ = make_search(task, kind, cells, batch // ISLANDS, algorithm, generations // iterations)
    return run(search, float("inf"), evaluations, seed)


def insert(kind: str, cells: int, size: int, payload: int, filled: bool, seed: int) -> dict:
    archive = make_archive(kind, cells, ((0.0, 1.0), (0.0, 1.0)))
    add = jax.jit(archive.add, donate_argnums=0)

    def batch(number: int) -> Entries:
        return entries(*map(jnp.asarray, worker.random_entries(size, payload, number)), generation=number)

    new, old = batch(seed), batch(seed + 1)

    def make():
        state = archive.init(jnp.zeros(payload))
        return jax.block_until_ready(add(state, old)[0] if filled else state)

    state = add(make(), new)[0]
    elites = int(archive.elites(state).valid.sum())
    done = worker.time_insertions(make, lambda state: jax.block_until_ready(add(state, new)))
    return {**done, "elites": elites}


def centroids(num: int, samples: int, seed: int) -> dict:
    from poet.archives.centroids import cvt_centroids

    with worker.stopwatch() as elapsed:
        result = cvt_centroids(num, ((0.0, 1.0), (0.0, 1.0)), seed=seed, samples=samples)
    return {"wall": elapsed.wall, "cpu": elapsed.cpu, "centroids": result.tolist()}


def command(warm: bool, seed: int) -> dict:
    """Seconds from the command to the first iteration in its journal; if `warm`, of a second run in the same folder."""
    wall = 0.0
    with tempfile.TemporaryDirectory() as root:
        for number in range(2 if warm else 1):
            arguments = [f"--name={number}", f"--root={root}", f"--seed={seed}", "--iterations=1"]
            journal = Path(root, str(number), "journal.jsonl")
            start = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "poet", "run", "map-elites-arm", *arguments], stdout=subprocess.DEVNULL
            )
            while process.poll() is None and not (journal.exists() and '"event":"iteration"' in journal.read_text()):
                time.sleep(0.02)
            wall = time.perf_counter() - start
            if process.wait():
                return {"error": f"poet run ended with status {process.returncode}"}
    return {"wall": wall}


if __name__ == "__main__":
    worker.serve(evaluate=evaluate, loop=loop, insert=insert, centroids=centroids, quality=quality, command=command)
