"""Libraries in turn on the same points: A B C A B C ..., every answer appended to a file, so that a contest goes on."""

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
    "ours": Library(".venv", "ours"),
    # An archive for each core, merged every iteration.
    "ours, 2 islands": Library(".venv", "ours", {"JAX_NUM_CPU_DEVICES": "2", "ISLANDS": "2"}),
    "pyribs": Library(".venv-pyribs", "peer_pyribs"),
    "pyribs f32": Library(".venv-pyribs", "peer_pyribs", {"PYRIBS_DTYPE": "float32"}),
    "QDax": Library(".venv-qdax", "peer_qdax"),
}


class Point(NamedTuple):
    name: str
    job: dict[str, Any]
    # "cold": a process of its own, no compiled program kept from before; "warm": with those of an earlier process
    fresh: Literal["", "cold", "warm"] = ""
    libraries: tuple[str, ...] = tuple(LIBRARIES)  # those that can


class Worker:
    """A library's process; started when first asked, and again after it died."""

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
            return {"error": f"its process died with status {status}"}
        return json.loads(answer)

    def close(self) -> None:
        if self.process is not None:
            self.process.communicate()
            self.process = None


def started(name: str, folder: Path, again: bool, job: dict[str, Any]) -> Record:
    """Seconds from starting a process to its first answer: of the first process, or of one after it."""
    with tempfile.TemporaryDirectory() as cache:
        kept = {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        kept["NUMBA_CACHE_DIR"] = cache
        for _ in range(2 if again else 1):
            worker = Worker(name, folder, kept)
            begun = time.perf_counter()
            answer = worker.ask(**job)
            wall = time.perf_counter() - begun
            worker.close()
    return {"error": answer["error"]} if "error" in answer else {"wall": wall}


def spread(centroids: np.ndarray) -> float:
    """Mean squared distance to the nearest centroid, times their number: 0.1604 for hexagons, 0.1667 for squares."""
    samples = np.random.default_rng(7).random((200_000, 2))
    return float(np.mean(KDTree(centroids).query(samples)[0] ** 2) * len(centroids))


def read(file: Path) -> list[Record]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def hold(file: Path, points: Iterable[Point], libraries: Iterable[str], turns: int, only: Iterable[str]) -> None:
    """Asks for what `file` does not hold yet. Turn t of a point has seed t + 1, for every library."""
    workers = {name: Worker(name, file.parent) for name in libraries}
    known = {(r["point"], r["library"], r["turn"]) for r in read(file) if "error" not in r}
    for point in points:
        if any(part not in point.name for part in only):
            continue
        for turn in range(turns):
            for name, worker in workers.items():
                if name not in point.libraries or (point.name, name, turn) in known:
                    continue
                if point.fresh:
                    answer = started(name, file.parent, point.fresh == "warm", {**point.job, "seed": turn + 1})
                else:
                    answer = worker.ask(**point.job, seed=turn + 1)
                if "centroids" in answer:
                    answer["error_of_cells"] = spread(np.asarray(answer.pop("centroids")))
                record = {"point": point.name, "library": name, "turn": turn, "load": os.getloadavg()[0], **answer}
                with file.open("a") as out:
                    out.write(json.dumps(record) + "\n")
                print(json.dumps(record), flush=True)
    for worker in workers.values():
        worker.close()
