"""A library in a process of its own, answering jobs: one JSON object a line in, one a line out.

It stays up between turns, so that a program is compiled once, and waits (no threads of ours, no polling) while another
library has its turn. Only the standard library and NumPy here: this file is imported in every environment.
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


class Spent:
    wall = 0.0
    cpu = 0.0  # of all threads of the process


@contextmanager
def clock():
    spent = Spent()
    wall, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent.wall, spent.cpu = time.perf_counter() - wall, time.process_time() - cpu


def timed_loop(chunk: Callable[[], int], seconds: float, evaluations: int) -> dict[str, Any]:
    """Calls `chunk`, which makes a number of evaluations and waits for them, until either limit is reached."""
    done = 0
    with clock() as spent:
        begun = time.perf_counter()
        while done < evaluations and time.perf_counter() - begun < seconds:
            done += chunk()
    return {"evaluations": done, "wall": spent.wall, "cpu": spent.cpu}


def random_entries(num: int, payload: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Solutions f32[N, payload], fitness f32[N], descriptors f32[N, 2] in the unit square: the same for everyone."""
    rng = np.random.default_rng(seed)
    solutions = rng.standard_normal((num, payload), dtype=np.float32)
    return solutions, rng.standard_normal(num, dtype=np.float32), rng.random((num, 2), dtype=np.float32)


def _memory(name: str) -> int:
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(name))
    return int(line.split()[1]) * 1024


def timed_insertions(empty: Callable[[], Any], add: Callable[[Any], Any], repeats: int = 7) -> dict[str, Any]:
    """Medians of adding to what `empty` makes anew; and the bytes by which resident memory rose at most."""
    walls, cpus, risen = [], [], []
    for _ in range(repeats):
        archive = empty()
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak counts from here
        before = _memory("VmRSS")
        with clock() as spent:
            archive = add(archive)
        walls.append(spent.wall)
        cpus.append(spent.cpu)
        risen.append(_memory("VmHWM") - before)
    return {"wall": median(walls), "cpu": median(cpus), "peak": max(risen)}


def centroids(num: int, low: float, high: float) -> np.ndarray:
    """The centroids that every library is given, where making them is not what is measured."""
    return np.load(os.environ["CENTROIDS"].format(num)) * (high - low) + low


def side(cells: int) -> int:
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
