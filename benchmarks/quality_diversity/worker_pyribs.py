"""pyribs: ask and tell, evaluations in NumPy. Runs in the environment of pyribs."""

import os
from functools import lru_cache

import numpy as np
from ribs.archives import CVTArchive, GridArchive, k_means_centroids
from ribs.emitters import EvolutionStrategyEmitter, IsoLineEmitter
from ribs.schedulers import Scheduler

from benchmarks.quality_diversity import worker
from benchmarks.quality_diversity.tasks import DIM, TASKS, Task

DTYPE = np.dtype(os.environ.get("PYRIBS_DTYPE", "float64"))


def make_archive(kind: str, cells: int, dim: int, bounds: tuple[float, float], **options):
    shared = dict(solution_dim=dim, ranges=[bounds, bounds], dtype=DTYPE, seed=0, **options)
    if kind == "grid":
        return GridArchive(dims=[worker.cells_per_side(cells)] * 2, **shared)
    return CVTArchive(centroids=worker.load_centroids(cells, *bounds).astype(DTYPE), **shared)


def evaluate(task: str, solutions: list) -> dict:
    fitness, descriptor = TASKS[task].evaluate(np.asarray(solutions, DTYPE))
    return {"fitness": fitness.tolist(), "descriptor": descriptor.tolist()}


def iso_line(task: Task, archive, batch: int, seed: int) -> Scheduler:
    first = np.random.default_rng(seed).uniform(*task.start, (batch, DIM))
    emitter = IsoLineEmitter(
        archive, iso_sigma=task.iso, line_sigma=task.line, initial_solutions=first, batch_size=batch, seed=seed
    )
    return Scheduler(archive, [emitter])


def ask_and_tell(task: Task, scheduler: Scheduler) -> int:
    solutions = scheduler.ask()
    scheduler.tell(*task.evaluate(solutions))
    return len(solutions)


@lru_cache(maxsize=1)
def measure_warm_up(task: str, kind: str, cells: int, batch: int) -> float:
    with worker.stopwatch() as elapsed:
        scheduler = iso_line(TASKS[task], make_archive(kind, cells, DIM, TASKS[task].descriptor), batch, 1)
        for _ in range(3):
            ask_and_tell(TASKS[task], scheduler)
    return elapsed.wall


def loop(task: str, kind: str, cells: int, batch: int, seconds: float, evaluations: int, seed: int) -> dict:
    warm_up = measure_warm_up(task, kind, cells, batch)
    scheduler = iso_line(TASKS[task], make_archive(kind, cells, DIM, TASKS[task].descriptor), batch, seed)
    ask_and_tell(TASKS[task], scheduler)
    done = worker.time_loop(lambda: ask_and_tell(TASKS[task], scheduler), seconds, evaluations)
    return {**done, "warm_up": warm_up, "coverage": float(scheduler.archive.stats.coverage)}


def insert(kind: str, cells: int, size: int, payload: int, filled: bool, seed: int) -> dict:
    archive = make_archive(kind, cells, payload, (0.0, 1.0))
    new, old = (
        [array.astype(DTYPE) for array in worker.random_entries(size, payload, number)] for number in (seed, seed + 1)
    )
    archive.add(*old)

    def make() -> GridArchive | CVTArchive:
        # Cleared, so that its memory is already allocated, as in the archives of the other libraries.
        archive.clear()
        if filled:
            archive.add(*old)
        return archive

    done = worker.time_insertions(make, lambda archive: archive.add(*new))
    return {**done, "elites": len(archive)}


def centroids(num: int, samples: int, seed: int) -> dict:
    with worker.stopwatch() as elapsed:
        result, _ = k_means_centroids(centroids=num, ranges=[(0.0, 1.0)] * 2, samples=samples, seed=seed)
    return {"wall": elapsed.wall, "cpu": elapsed.cpu, "centroids": result.tolist()}


def strategies(task: Task, archive, ranker: str, batch: int, seed: int, **options) -> list:
    seeds = np.random.default_rng(seed).integers(0, 2**31, 15)
    return [
        EvolutionStrategyEmitter(
            archive,
            x0=np.full(DIM, task.mean),
            sigma0=task.sigma,
            ranker=ranker,
            batch_size=batch // 15,
            seed=int(number),
            **options,
        )
        for number in seeds
    ]


def quality(task: str, kind: str, cells: int, algorithm: str, batch: int, evaluations: int, seed: int) -> dict:
    options = TASKS[task]
    archive = result = make_archive(kind, cells, DIM, options.descriptor)
    if algorithm == "iso+line":
        scheduler = iso_line(options, archive, batch, seed)
    elif algorithm == "CMA-ME":
        scheduler = Scheduler(archive, strategies(options, archive, "2imp", batch, seed))
    else:
        with_thresholds = make_archive(kind, cells, DIM, options.descriptor, learning_rate=0.01, threshold_min=0.0)
        emitters = strategies(options, with_thresholds, "imp", batch, seed, selection_rule="mu", restart_rule="basic")
        scheduler = Scheduler(with_thresholds, emitters, result_archive=result)
    done = worker.time_loop(lambda: ask_and_tell(options, scheduler), float("inf"), evaluations)
    return {**done, "coverage": len(result) / cells, "qd_score": float(np.sum(result.data("objective")))}


if __name__ == "__main__":
    worker.serve(evaluate=evaluate, loop=loop, insert=insert, centroids=centroids, quality=quality)
