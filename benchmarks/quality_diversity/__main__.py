"""Compares archives and MAP-Elites with QDax and pyribs, each in its own process and environment, in turn.

    make bench-qd                                                        # sets up the environments, runs all modes
    python -m benchmarks.quality_diversity loop --only sphere grid --turns 5
    python -m benchmarks.quality_diversity table                         # of the records so far

Records are appended to files in `--folder`, and what these hold is not measured again: a comparison that was stopped
resumes. Delete the folder to start a new one.
"""

import argparse
import os
import platform
import time
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.quality_diversity import tables
from benchmarks.quality_diversity.tasks import DIM, TASKS
from benchmarks.quality_diversity.turns import LIBRARIES, Point, Worker, measure, read_records

ARCHIVES = [("grid", 1_024), ("cvt", 1_024), ("grid", 10_000), ("cvt", 10_000)]
MODES = ("check", "loop", "insert", "centroids", "quality", "start")


def make_points(mode: str, seconds: float, evaluations: int) -> list[Point]:
    """The points of a mode. `--only` selects points by words in their names."""
    points = []
    if mode == "loop":
        for task, (kind, cells), batch in product(TASKS, ARCHIVES, (256, 1_024, 4_096)):
            job = dict(job="loop", task=task, kind=kind, cells=cells, batch=batch)
            job |= dict(seconds=seconds, evaluations=evaluations)
            points.append(Point(f"{task} {kind}-{cells} batch-{batch}", job))
    if mode == "insert":
        for (kind, cells), size, payload, filled in product(
            [("grid", 10_000), ("cvt", 10_000), ("grid", 1_000_000)], (10_000, 100_000), (1, 100), (False, True)
        ):
            job = dict(job="insert", kind=kind, cells=cells, size=size, payload=payload, filled=filled)
            points.append(Point(f"{kind}-{cells} size-{size} payload-{payload} {'filled' if filled else 'empty'}", job))
    if mode == "centroids":
        for num, samples in ((1_024, 50_000), (10_000, 100_000)):
            points.append(Point(f"cvt-{num} samples-{samples}", dict(job="centroids", num=num, samples=samples)))
    if mode == "quality":
        for task, algorithm in product(TASKS, ("iso+line", "CMA-ME", "CMA-MAE")):
            job = dict(job="quality", task=task, kind="grid", cells=10_000, algorithm=algorithm, batch=540)
            points.append(Point(f"{task} grid-10000 {algorithm} {evaluations}", job | dict(evaluations=evaluations)))
    if mode == "start":
        job = dict(job="loop", task="arm", kind="grid", cells=10_000, batch=1_024, seconds=1.0, evaluations=1)
        points += [Point("library, cold", job, start="cold"), Point("library, warm", job, start="warm")]
        for start in ("cold", "warm"):
            command = dict(job="command", warm=start == "warm")
            points.append(Point(f"poet run map-elites-arm, {start}", command, libraries=("ours",)))
    return points


def share_centroids(folder: Path, libraries: list[str]) -> None:
    """Make the centroids that all libraries use, by the first of them."""
    folder.mkdir(parents=True, exist_ok=True)
    worker = Worker(libraries[0], folder)
    for num in {cells for kind, cells in ARCHIVES if kind == "cvt"}:
        file = folder / f"cvt_{num}.npy"
        if not file.exists():
            np.save(file, np.asarray(worker.ask(job="centroids", num=num, samples=100_000, seed=0)["centroids"]))
    worker.close()


def check(folder: Path, libraries: list[str]) -> None:
    """Check that all libraries evaluate random solutions, some outside the bounds, as the NumPy version does."""
    rng = np.random.default_rng(0)
    for name in libraries:
        worker = Worker(name, folder)
        for task_name, task in TASKS.items():
            low, high = task.start
            solutions = rng.uniform(low - 0.2 * (high - low), high + 0.2 * (high - low), (256, DIM))
            answer = worker.ask(job="evaluate", task=task_name, solutions=solutions.tolist())
            if "error" in answer:
                raise SystemExit(f"{name}, {task_name}: {answer['error']}")
            fitness, descriptor = task.evaluate(solutions)
            low, high = task.descriptor
            difference = np.abs(np.asarray(answer["fitness"]) - fitness).max() / 100
            difference = max(difference, np.abs(np.asarray(answer["descriptor"]) - descriptor).max() / (high - low))
            print(f"{name} on {task_name}: largest difference {difference:.1e} of the range")
            if difference > 1e-5:
                raise SystemExit(f"{name} and the NumPy version give different results on {task_name}")
        worker.close()


def describe_hardware() -> str:
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "CPU")
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modes", nargs="+", choices=(*MODES, "all", "table"))
    parser.add_argument("--libraries", nargs="+", default=list(LIBRARIES), choices=list(LIBRARIES))
    parser.add_argument("--only", nargs="*", default=[], help="measure only points whose names contain these words")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="maximum duration of a turn of `loop`")
    parser.add_argument("--evaluations", type=int, help="of a turn: by default 1 M for loop, 540,000 for quality")
    parser.add_argument("--folder", type=Path, default=Path(".bench/quality_diversity"))
    options = parser.parse_args()
    modes = MODES if set(options.modes) & {"all", "table"} else options.modes
    if options.modes != ["table"]:
        share_centroids(options.folder, options.libraries)
        for mode in modes:
            if mode == "check":
                check(options.folder, options.libraries)
            else:
                evaluations = options.evaluations or (540_000 if mode == "quality" else 1_000_000)
                points = make_points(mode, options.seconds, evaluations)
                measure(options.folder / f"{mode}.jsonl", points, options.libraries, options.turns, options.only)
    print(describe_hardware())
    for mode in modes:
        records = read_records(options.folder / f"{mode}.jsonl")
        if records:
            print(f"\n### {mode}\n\n{tables.TABLES[mode](records)}\n\n{tables.describe_load(records)}")


if __name__ == "__main__":
    main()
