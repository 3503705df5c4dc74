"""A library in a separate process that answers jobs: one JSON object per line in, one per line out.

The process stays alive between turns, so that a program is compiled once, and uses no processor time while another
library has its turn. Every environment imports this file, so it needs only the standard library and NumPy.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from statistics import median
from typing import Any

import numpy as np

Job = Callable[..., dict[str, Any]]


class Elapsed:
    """Seconds, set when the block of `stopwatch` ends."""

    wall = 0.0
    cpu = 0.0  # of all threads of the process


@contextmanager
def stopwatch():
    elapsed = Elapsed()
    wall, cpu = time.perf_counter(), time.process_time()
    yield elapsed
    elapsed.wall, elapsed.cpu = time.perf_counter() - wall, time.process_time() - cpu


def time_loop(run_chunk: Callable[[], int], seconds: float, evaluations: int) -> dict[str, Any]:
    """Call `run_chunk` until either limit is reached. It waits for its evaluations and returns their number."""
    done = 0
    with stopwatch() as elapsed:
        start = time.perf_counter()
        while done < evaluations and time.perf_counter() - start < seconds:
            done += run_chunk()
    return {"evaluations": done, "wall": elapsed.wall, "cpu": elapsed.cpu}


def random_entries(num: int, payload: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Solutions f32[N, payload], fitness f32[N], descriptors f32[N, 2] in the unit square; equal for all libraries."""
    rng = np.random.default_rng(seed)
    solutions = rng.standard_normal((num, payload), dtype=np.float32)
    return solutions, rng.standard_normal(num, dtype=np.float32), rng.random((num, 2), dtype=np.float32)


def _memory(name: str) -> int:
    """An entry of /proc/self/status, in bytes."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(name))
    return int(line.split()[1]) * 1024


def time_insertions(make_archive: Callable[[], Any], add: Callable[[Any], Any], repeats: int = 7) -> dict[str, Any]:
    """Median times to add to an archive that `make_archive` returns, and the largest growth of memory in bytes."""
    walls, cpus, growths = [], [], []
    for _ in range(repeats):
        archive = make_archive()
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # resets the peak of the resident memory
        before = _memory("VmRSS")
        with stopwatch() as elapsed:
            archive = add(archive)
        walls.append(elapsed.wall)
        cpus.append(elapsed.cpu)
        growths.append(_memory("VmHWM") - before)
    return {"wall": median(walls), "cpu": median(cpus), "memory_growth": max(growths)}


def load_centroids(num: int, low: float, high: float) -> np.ndarray:
    """The centroids that all libraries share where making them is not measured."""
    return np.load(os.environ["CENTROIDS"].format(num)) * (high - low) + low


def cells_per_side(cells: int) -> int:
    return round(cells**0.5)


def serve(**jobs: Job) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = jobs[request.pop("job")](**request)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), file=answers, flush=True)
