"""How fast the archive of cells takes visited cells, grows and is drawn from, beside a Python dictionary.

Half of the rows are taken; of a batch, 5 % are new cells, and the others visit the known ones with a skewed
distribution. The dictionary has the same rule (higher score, then shorter, then first) in a plain loop.

    python -m benchmarks.go_explore_cells [--sizes 10000 100000 1000000] [--repeats 7]
"""

import argparse
import os
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from poet.archives.base import Entries, entries
from poet.archives.cells import cells, grow
from poet.archives.select import draw_rows, least_chosen

SIDES = {"dense": (2048, 2048), "hash": (2**18, 2**18, 64)}  # cells along each coordinate
NEW = 0.05
DRAWN = 10_000


def places(number: np.ndarray, kind: str) -> np.ndarray:
    """The descriptors of cells that have these numbers, spread over the grid."""
    sides = np.array(SIDES[kind])
    spread = number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    parts = [(spread >> np.uint64(8 + 18 * axis)) % np.uint64(side) for axis, side in enumerate(sides)]
    return (np.stack(parts, axis=1).astype(np.float32) + 0.5) / sides.astype(np.float32)


def batch(rng: np.random.Generator, kind: str, known: int, size: int, first: int) -> Entries:
    """A batch of visits: 5 % new cells after the `known` ones, others by the square of a uniform number."""
    number = (known * rng.random(size) ** 2).astype(np.int64)
    new = rng.random(size) < NEW
    number[new] = known + rng.integers(0, max(1, known // 10), new.sum())
    score, length = rng.integers(0, 50, size).astype(np.float32), rng.integers(1, 500, size).astype(np.int32)
    made = entries(
        jnp.zeros((size, 1)),
        jnp.asarray(score),
        jnp.asarray(places(number, kind)),
        extra={"length": jnp.asarray(length)},
    )
    id = np.stack([np.full(size, first), np.arange(size)], axis=1).astype(np.uint32)
    return made._replace(id=jnp.asarray(id))


def measured(call: Any, repeats: int) -> tuple[float, float]:
    """Median wall and CPU seconds of a call, which is first made once."""
    call()
    times = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        jax.block_until_ready(call())
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = np.median(np.array(times), axis=0)
    return float(wall), float(cpu)


def filled(kind: str, capacity: int) -> tuple[Any, Any]:
    """An archive half of whose rows are taken."""
    sides = SIDES[kind]
    archive = cells(sides, [(0, 1)] * len(sides), capacity, tie_break=("length",))
    add = jax.jit(archive.add, donate_argnums=0)
    state = archive.init(jnp.zeros(1), {"length": jnp.int32(0)})
    for first in range(0, capacity // 2, 50_000):
        number = np.arange(first, min(first + 50_000, capacity // 2))
        number = np.pad(number, (0, min(50_000, capacity // 2) - len(number)), mode="edge")
        size = len(number)
        where, zeros = jnp.asarray(places(number, kind)), jnp.zeros(size)
        state, _ = add(state, entries(jnp.zeros((size, 1)), zeros, where, extra={"length": jnp.ones(size, jnp.int32)}))
    return archive, state


def insertion(kind: str, capacity: int, size: int, repeats: int) -> tuple[float, float]:
    """Visited cells per second of wall time and per CPU-second."""
    rng = np.random.default_rng(0)
    archive, state = filled(kind, capacity)
    batches = [batch(rng, kind, capacity // 2, size, number) for number in range(repeats + 1)]
    add, turn, holder = jax.jit(archive.add, donate_argnums=0), iter(batches), [state]

    def call() -> Any:
        holder[0], info = add(holder[0], next(turn))
        return info

    wall, cpu = measured(call, repeats)
    return size / wall, size / cpu


def dictionary(capacity: int, size: int) -> float:
    """Visited cells per second of a plain loop over a dictionary."""
    rng = np.random.default_rng(0)
    known: dict[bytes, tuple[float, int, int]] = {}
    for place in places(np.arange(capacity // 2), "hash"):
        known[place.tobytes()] = (0.0, 1, 0)
    work = batch(rng, "hash", capacity // 2, size, 1)
    score, length, where = (
        np.asarray(work.fitness).tolist(),
        np.asarray(work.extra["length"]).tolist(),
        np.asarray(work.descriptor),
    )
    began = time.perf_counter()
    for number in range(size):
        place = where[number].tobytes()
        old = known.get(place)
        if old is None or score[number] > old[0] or (score[number] == old[0] and length[number] < old[1]):
            known[place] = (score[number], length[number], number)
    return size / (time.perf_counter() - began)


def selection(capacity: int, repeats: int) -> tuple[float, float]:
    """Seconds to draw cells by 1 / sqrt(1 + seen)."""
    weights: Any = least_chosen("seen", 0.5).weights
    seen, valid = jnp.arange(capacity) % 97, jnp.arange(capacity) % 2 == 0

    @jax.jit
    def draw(key: Any, seen: Any, valid: Any) -> Any:
        rows = entries(jnp.zeros((capacity, 1)), jnp.zeros(capacity), None, extra={"seen": seen})
        return draw_rows(key, weights(rows), valid, DRAWN)

    return measured(lambda: draw(jax.random.key(0), seen, valid), repeats)


def main() -> None:
    """Print tables of insertion, selection and growth."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    print("M visited cells/s of wall time (of a CPU-second)\n")
    batches = [size for size in options.sizes if size <= 100_000] or options.sizes[:1]
    print("| rows | index | " + " | ".join(f"batch {size}" for size in batches) + " | dictionary | ratio at the last |")
    print("| --- | --- | " + "--- | " * (len(batches) + 2))
    for capacity in options.sizes:
        plain = dictionary(capacity, batches[-1])
        for kind in SIDES:
            rates = [insertion(kind, capacity, size, options.repeats) for size in batches if size <= capacity]
            text = " | ".join(f"{wall / 1e6:.1f} ({cpu / 1e6:.1f})" for wall, cpu in rates)
            print(f"| {capacity} | {kind} | {text} | {plain / 1e6:.2f} | {rates[-1][0] / plain:.0f} |", flush=True)
    for capacity in options.sizes:
        wall, cpu = selection(capacity, options.repeats)
        print(f"{DRAWN} drawn of {capacity} rows: {wall * 1e3:.1f} ms ({cpu * 1e3:.1f} ms of CPU)", flush=True)
    for kind in SIDES:
        for capacity in options.sizes[:-1]:
            archive, state = filled(kind, capacity)
            began = time.perf_counter()
            jax.block_until_ready(grow(archive, state, 2 * capacity))
            print(
                f"growth {kind} from {capacity} rows, compilation included: {time.perf_counter() - began:.2f} s",
                flush=True,
            )
    print("load average", os.getloadavg()[0])


if __name__ == "__main__":
    main()
