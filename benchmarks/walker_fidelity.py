"""Error of the walker's step relative to Box2D for each kind of terrain: median and 90th percentile after some steps.

python -m benchmarks.walker_fidelity --sweeps 5 10 20 100
"""

import argparse
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.box2d import CourseWalker, Errors, Oracle, Walk, walk
from poet.envs.walker.env import Walker
from poet.envs.walker.genome import ObstacleGenome
from poet.envs.walker.terrain import Terrain

STEPS = (1, 5, 10, 25)


@dataclasses.dataclass(frozen=True)
class Setting:
    """Walks with gym's heuristic gait; on obstacles with noise, and also from starts in the middle of the terrain."""

    genome: tuple  # roughness, pit, stump, stair, stair steps, in units of the genome
    seeds: int
    noise: float = 0.1
    scattered: bool = True


SETTINGS = {
    "flat": Setting((0, (0, 0), (0, 0), (0, 0), 0), 8, 0.0, False),
    "v3": Setting((10, (0, 0), (0, 0), (0, 0), 0), 8, 0.0, False),  # as rough as gym's BipedalWalker-v3
    "rough": Setting((60, (0, 0), (0, 0), (0, 0), 0), 14),
    "pits": Setting((10, (2, 8), (0, 0), (0, 0), 0), 14),
    "stumps": Setting((10, (0, 0), (1, 6), (0, 0), 0), 14),
    "stairs": Setting((10, (0, 0), (0, 0), (2, 4), 4), 14),
}


@functools.cache
def recorded(name: str) -> list[tuple[Terrain, Walk]]:
    """Recorded walks in Box2D on terrains of this kind."""
    setting, build = SETTINGS[name], jax.jit(Walker().build)
    found = []
    for seed in range(setting.seeds):
        genome = ObstacleGenome(*(jnp.array(v, jnp.int32) for v in (*setting.genome, seed)))
        terrain = jax.tree.map(np.asarray, build(jax.random.key(0), genome))
        for x in (None, 15 + 2.9 * seed, 40 + 2.7 * seed) if setting.scattered else (None,):
            record = walk(CourseWalker(terrain, x), seed, 250, setting.noise)
            if record is not None and len(record.action) > max(STEPS) + 5:
                found.append((terrain, record))
    return found


def measure(oracle: Oracle, name: str, steps: tuple[int, ...] = STEPS) -> dict[int, Errors]:
    """Errors from every start on terrains of this kind; `start` is an index within each walk."""
    parts = [oracle.compare(terrain, record, steps) for terrain, record in recorded(name)]
    return {k: Errors(*(np.concatenate(v) for v in zip(*(p[k] for p in parts if k in p)))) for k in steps}


def markdown_row(name: str, errors: dict[int, Errors]) -> str:
    """A row of a Markdown table: median (90th percentile); x and y in mm, angles in rad."""

    def cell(values: np.ndarray, scale: float, digits: int) -> str:
        return f"{scale * np.median(values):.{digits}f} ({scale * np.percentile(values, 90):.{digits}f})"

    cells = [
        f"{cell(e.x, 1e3, 1)} / {cell(e.y, 1e3, 1)} / {cell(e.angle, 1, 4)} / {cell(e.joint, 1, 3)}"
        for e in errors.values()
    ]
    return f"| {name} | {len(errors[1].x)} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, nargs="+", default=[10], help="of the contact solver; a table for each")
    parser.add_argument("--terrains", nargs="+", default=list(SETTINGS), choices=list(SETTINGS), help="rows")
    options = parser.parse_args()
    for sweeps in options.sweeps:
        oracle = Oracle(Walker(sweeps=sweeps))
        print(f"\n{sweeps} sweeps: hull x / y (mm) / hull angle / worst joint (rad), median (90th percentile)\n")
        print("| terrain | starts | " + " | ".join(f"{k} steps" for k in STEPS) + " |")
        print("| --- " * (2 + len(STEPS)) + "|")
        for name in options.terrains:
            errors = measure(oracle, name)
            print(markdown_row(name, errors), flush=True)
        rays = errors[1].obs[:, 14:]
        print(f"\nlidar after one step on {name}: median {np.median(rays):.1e}, 99th {np.percentile(rays, 99):.1e}")


if __name__ == "__main__":
    main()
