"""Measures libraries in turn at the same points (A B C A B C ...) and appends the records to a file.

A measurement that was stopped resumes from that file.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.spatial import KDTree

Record = dict[str, Any]


class Library(NamedTuple):
    environment: str  # folder of its virtual environment
    module: str
    variables: Mapping[str, str] = {}


LIBRARIES = {
    "ours": Library(".venv", "worker_ours"),
    # An archive for each core, merged after every iteration.
    "ours, 2 islands": Library(".venv", "worker_ours", {"JAX_NUM_CPU_DEVICES": "2", "ISLANDS": "2"}),
    "pyribs": Library(".venv-pyribs", "worker_pyribs"),
    "pyribs f32": Library(".venv-pyribs", "worker_pyribs", {"PYRIBS_DTYPE": "float32"}),
    "QDax": Library(".venv-qdax", "worker_qdax"),
}


class Point(NamedTuple):
    """What is measured for each library: a job with its arguments."""

    name: str
    job: dict[str, Any]
    # To measure the start of a process: "cold", without compiled programs of earlier processes; "warm", with them.
    start: Literal["", "cold", "warm"] = ""
    libraries: tuple[str, ...] = tuple(LIBRARIES)  # those that support the job


class Worker:
    """The process of a library. It is started at the first job, and again after it has died."""

    def __init__(self, name: str, folder: Path, variables: Mapping[str, str] = {}):
        self.library = LIBRARIES[name]
        self.variables = {**self.library.variables, **variables, "CENTROIDS": str(folder / "cvt_{}.npy")}
        self.process: subprocess.Popen[str] | None = None

    def ask(self, **job: Any) -> Record:
        if self.process is None:
            self.process = subprocess.Popen(
                [
                    f"{self.library.environment}/bin/python",
                    "-m",
                    f"benchmarks.quality_diversity.{self.library.module}",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **self.variables},
            )
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            status = self.process.wait()
            self.process = None
            return {"error": f"the process died with status {status}"}
        return json.loads(answer)

    def close(self) -> None:
        if self.process is not None:
            self.process.communicate()
            self.process = None


def measure_start(name: str, folder: Path, warm: bool, job: dict[str, Any]) -> Record:
    """Seconds from the start of a process to its first answer; if `warm`, of the second process."""
    with tempfile.TemporaryDirectory() as cache:
        variables = {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        variables["NUMBA_CACHE_DIR"] = cache
        for _ in range(2 if warm else 1):
            worker = Worker(name, folder, variables)
            start = time.perf_counter()
            answer = worker.ask(**job)
            wall = time.perf_counter() - start
            worker.close()
    return {"error": answer["error"]} if "error" in answer else {"wall": wall}


def quantisation_error(centroids: np.ndarray) -> float:
    """Mean squared distance to the nearest centroid, times their number: 0.1604 for hexagons, 0.1667 for squares."""
    samples = np.random.default_rng(7).random((200_000, 2))
    return float(np.mean(KDTree(centroids).query(samples)[0] ** 2) * len(centroids))


def read_records(file: Path) -> list[Record]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def measure(file: Path, points: Iterable[Point], libraries: Iterable[str], turns: int, only: Iterable[str]) -> None:
    """Measure what `file` does not hold yet. Turn t of a point has seed t + 1, for every library."""
    workers = {name: Worker(name, file.parent) for name in libraries}
    known = {(r["point"], r["library"], r["turn"]) for r in read_records(file) if "error" not in r}
    for point in points:
        if any(part not in point.name for part in only):
            continue
        for turn in range(turns):
            for name, worker in workers.items():
                if name not in point.libraries or (point.name, name, turn) in known:
                    continue
                if point.start:
                    answer = measure_start(name, file.parent, point.start == "warm", {**point.job, "seed": turn + 1})
                else:
                    answer = worker.ask(**point.job, seed=turn + 1)
                if "centroids" in answer:
                    answer["quantisation_error"] = quantisation_error(np.asarray(answer.pop("centroids")))
                record = {"point": point.name, "library": name, "turn": turn, "load": os.getloadavg()[0], **answer}
                with file.open("a") as out:
                    out.write(json.dumps(record) + "\n")
                print(json.dumps(record), flush=True)
    for worker in workers.values():
        worker.close()
