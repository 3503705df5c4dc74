"""This project, as a user of the library has it: compiled iterations of many generations, with the journal row of
each (coverage, QD score) made on the host in between, as in a run.
"""

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

import poet.archives
from benchmarks.quality_diversity import worker
from benchmarks.quality_diversity.tasks import DIM, TASKS
from poet.archives.base import Archive, Entries, entries
from poet.envs.arm.config import ArmConfig
from poet.envs.functions.config import RastriginConfig, SphereConfig
from poet.search.map_elites.config import MapElitesConfig
from poet.search.map_elites.scoring import of_problem
from poet.search.map_elites.search import map_elites

ISLANDS = int(os.environ.get("ISLANDS", "1"))
EVALUATIONS = 131_072  # about; of an iteration
PROBLEMS = {"sphere": SphereConfig(), "rastrigin": RastriginConfig(), "arm": ArmConfig()}


def make_archive(kind: str, cells: int, bounds, **soft: float) -> Archive:
    shape = {"shape": (worker.side(cells),) * 2} if kind == "grid" else {"num_cells": cells}
    return poet.archives.make(poet.archives.ArchiveConfig(kind=kind, **shape, **soft).spec(bounds))


def evaluate(task: str, solutions: list) -> dict:
    problem = PROBLEMS[task].make()
    score = jax.jit(jax.vmap(problem.evaluate, in_axes=(None, 0)))
    fitness, descriptor = score(jax.random.key(0), jnp.asarray(solutions, jnp.float32))
    return {"fitness": np.asarray(fitness).tolist(), "descriptor": np.asarray(descriptor).tolist()}


@lru_cache(maxsize=1)
def prepared(task: str, kind: str, cells: int, batch: int, algorithm: str, generations: int):
    """A search whose programs are compiled, and how long that took with one iteration."""
    told, problem = TASKS[task], PROBLEMS[task].make()
    scoring, options, soft = of_problem(problem), dict(iso_sigma=told.iso, line_sigma=told.line), {}
    if algorithm != "iso+line":
        options = dict(emitters=("es",) * 15, sigma=told.sigma)
        scoring = scoring._replace(sample=lambda key: jnp.full(DIM, told.mean))  # first means, as the others'
    if algorithm == "CMA-MAE":
        options |= dict(climb="gain", restart="collapsed")
        soft = dict(learning_rate=0.01, threshold_min=0.0)
    config = MapElitesConfig(batch=batch, generations=generations, initial=batch, islands=ISLANDS, **options)
    with worker.clock() as spent:
        search = map_elites(config, make_archive(kind, cells, problem.descriptor_bounds, **soft), scoring)
        search.step(search.init(jax.random.key(0)))
    return search, spent.wall


def run(search, seconds: float, evaluations: int, seed: int) -> dict:
    state, row = jax.block_until_ready(search.init(jax.random.key(seed))), {"evaluations": 0}

    def iteration() -> int:
        nonlocal state, row
        before = row["evaluations"]
        state, info = search.step(state)
        row = info.events[0]
        return row["evaluations"] - before

    done = worker.timed_loop(iteration, seconds, evaluations)
    return {**done, "coverage": row["coverage"], "qd_score": row["qd_score"]}


def loop(task: str, kind: str, cells: int, batch: int, seconds: float, evaluations: int, seed: int) -> dict:
    search, warm_up = prepared(task, kind, cells, batch, "iso+line", EVALUATIONS // batch // ISLANDS)
    return {**run(search, seconds, evaluations, seed), "warm_up": warm_up}


def quality(task: str, kind: str, cells: int, algorithm: str, batch: int, evaluations: int, seed: int) -> dict:
    generations = evaluations // batch - 1  # the rest is the first batch
    parts = next(number for number in range(generations // 400 + 1, generations + 1) if generations % number == 0)
    search, _ = prepared(task, kind, cells, batch // ISLANDS, algorithm, generations // parts)
    return run(search, float("inf"), evaluations, seed)


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
    from poet.archives.centroids import cvt_centroids

    with worker.clock() as spent:
        made = cvt_centroids(num, ((0.0, 1.0), (0.0, 1.0)), seed=seed, samples=samples)
    return {"wall": spent.wall, "cpu": spent.cpu, "centroids": made.tolist()}


def command(warm: bool, seed: int) -> dict:
    """Seconds from the command to the first iteration in its journal; warm: of a second run in the same folder."""
    wall = 0.0
    with tempfile.TemporaryDirectory() as root:
        for number in range(2 if warm else 1):
            arguments = [f"--name={number}", f"--root={root}", f"--seed={seed}", "--iterations=1"]
            journal = Path(root, str(number), "journal.jsonl")
            begun = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "poet", "run", "map-elites-arm", *arguments], stdout=subprocess.DEVNULL
            )
            while process.poll() is None and not (journal.exists() and '"event":"iteration"' in journal.read_text()):
                time.sleep(0.02)
            wall = time.perf_counter() - begun
            if process.wait():
                return {"error": f"poet run ended with status {process.returncode}"}
    return {"wall": wall}


if __name__ == "__main__":
    worker.serve(evaluate=evaluate, loop=loop, insert=insert, centroids=centroids, quality=quality, command=command)
