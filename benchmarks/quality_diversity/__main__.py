"""Archives and MAP-Elites beside QDax and pyribs, each in its own process and environment, in turn.

    make bench-qd                                                        # environments, then all five
    python -m benchmarks.quality_diversity loop --only sphere grid --turns 5
    python -m benchmarks.quality_diversity table                         # of what was measured so far

Answers are appended to `--folder`; what is there already is not measured again, so a contest that was stopped goes on,
and one begins anew by deleting the folder.
"""

import argparse
import os
import platform
import time
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.quality_diversity import tables
from benchmarks.quality_diversity.contest import LIBRARIES, Point, Worker, hold, read
from benchmarks.quality_diversity.tasks import DIM, TASKS

ARCHIVES = [("grid", 1_024), ("cvt", 1_024), ("grid", 10_000), ("cvt", 10_000)]
MODES = ("check", "loop", "insert", "centroids", "quality", "start")


def points(mode: str, seconds: float, evaluations: int) -> list[Point]:
    """What is measured, named by words that `--only` looks for."""
    made = []
    if mode == "loop":
        for task, (kind, cells), batch in product(TASKS, ARCHIVES, (256, 1_024, 4_096)):
            job = dict(job="loop", task=task, kind=kind, cells=cells, batch=batch)
            job |= dict(seconds=seconds, evaluations=evaluations)
            made.append(Point(f"{task} {kind}-{cells} batch-{batch}", job))
    if mode == "insert":
        for (kind, cells), size, payload, filled in product(
            [("grid", 10_000), ("cvt", 10_000), ("grid", 1_000_000)], (10_000, 100_000), (1, 100), (False, True)
        ):
            job = dict(job="insert", kind=kind, cells=cells, size=size, payload=payload, filled=filled)
            made.append(Point(f"{kind}-{cells} size-{size} payload-{payload} {'filled' if filled else 'empty'}", job))
    if mode == "centroids":
        for num, samples in ((1_024, 50_000), (10_000, 100_000)):
            made.append(Point(f"cvt-{num} samples-{samples}", dict(job="centroids", num=num, samples=samples)))
    if mode == "quality":
        for task, algorithm in product(TASKS, ("iso+line", "CMA-ME", "CMA-MAE")):
            job = dict(job="quality", task=task, kind="grid", cells=10_000, algorithm=algorithm, batch=540)
            made.append(Point(f"{task} grid-10000 {algorithm} {evaluations}", job | dict(evaluations=evaluations)))
    if mode == "start":
        job = dict(job="loop", task="arm", kind="grid", cells=10_000, batch=1_024, seconds=1.0, evaluations=1)
        made += [Point("library, cold", job, fresh="cold"), Point("library, warm", job, fresh="warm")]
        for state in ("cold", "warm"):
            command = dict(job="command", warm=state == "warm")
            made.append(Point(f"poet run map-elites-arm, {state}", command, libraries=("ours",)))
    return made


def share_centroids(folder: Path, libraries: list[str]) -> None:
    """One set of centroids for everyone, made by the first of the libraries."""
    folder.mkdir(parents=True, exist_ok=True)
    worker = Worker(libraries[0], folder)
    for num in {cells for kind, cells in ARCHIVES if kind == "cvt"}:
        file = folder / f"cvt_{num}.npy"
        if not file.exists():
            np.save(file, np.asarray(worker.ask(job="centroids", num=num, samples=100_000, seed=0)["centroids"]))
    worker.close()


def check(folder: Path, libraries: list[str]) -> None:
    """Every library scores the same random solutions, some of them outside the box, as the NumPy version does."""
    rng = np.random.default_rng(0)
    for name in libraries:
        worker = Worker(name, folder)
        for title, task in TASKS.items():
            low, high = task.start
            solutions = rng.uniform(low - 0.2 * (high - low), high + 0.2 * (high - low), (256, DIM))
            answer = worker.ask(job="evaluate", task=title, solutions=solutions.tolist())
            if "error" in answer:
                raise SystemExit(f"{name}, {title}: {answer['error']}")
            fitness, descriptor = task.evaluate(solutions)
            low, high = task.descriptor
            gap = np.abs(np.asarray(answer["fitness"]) - fitness).max() / 100
            gap = max(gap, np.abs(np.asarray(answer["descriptor"]) - descriptor).max() / (high - low))
            print(f"{name} on {title}: differs by {gap:.1e} of the range at most")
            if gap > 1e-5:
                raise SystemExit(f"{name} does not score {title} as the others do")
        worker.close()


def hardware() -> str:
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "CPU")
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modes", nargs="+", choices=(*MODES, "all", "table"))
    parser.add_argument("--libraries", nargs="+", default=list(LIBRARIES), choices=list(LIBRARIES))
    parser.add_argument("--only", nargs="*", default=[], help="words that the names of points must hold")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn of `loop`, at most")
    parser.add_argument("--evaluations", type=int, help="of a turn: 1,000,000 for loop, 540,000 for quality")
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
                chosen = points(mode, options.seconds, evaluations)
                hold(options.folder / f"{mode}.jsonl", chosen, options.libraries, options.turns, options.only)
    print(hardware())
    for mode in modes:
        records = read(options.folder / f"{mode}.jsonl")
        if records:
            print(f"\n### {mode}\n\n{tables.TABLES[mode](records)}\n\n{tables.load(records)}")


if __name__ == "__main__":
    main()
