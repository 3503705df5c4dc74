"""Montezuma's Revenge by Go-Explore: cells, rooms, the best score and its replay, frames per second.

    python -m benchmarks.go_explore_montezuma [--cells domain frames] [--seeds 0 1 2] [--frames 100000 1000000]

Frames are those that were simulated (4 for each action); those of the way back to a cell are not, since its state is
restored. The score is that of the best cell, replayed from the start of the game by its actions alone.
"""

import argparse
import dataclasses
import os
import time
from typing import Any

import jax
import numpy as np

import poet
from poet.agents.segments import Explorer, chain
from poet.envs.adapters.config import AtariConfig
from poet.executors.recipe import Recipe
from poet.search.go_explore.cell_functions import FramesCellConfig
from poet.search.go_explore.presets import MONTEZUMA
from poet.search.go_explore.segments import PHASES

FRAME_SKIP = 4
ROOM = 3  # of the memory
CELLS = {
    "domain": {},
    "frames": {"generator": AtariConfig(frame=(105, 80)), "cell": FramesCellConfig()},
}


def best_replayed(config: Any, state: Any) -> tuple[float, float, int]:
    """The score of the best cell, that of its replay, and its number of actions."""
    generator = config.generator.make()
    policy, engine, _ = Recipe(generator, config.policy, config.engine).build()
    explorer = Explorer(generator, policy, engine, PHASES, lanes=config.search.batch, steps=config.search.steps)
    store = jax.tree.map(np.asarray, state.archive.store)
    row = int(np.lexsort((store.extra["length"], -store.fitness))[0])
    parents = state.parent[: int(state.num_segments)]
    replayed = explorer.replay(state.key, chain(parents.__getitem__, tuple(store.tag[row, :2])))
    engine.close()
    return float(store.fitness[row]), replayed.score, len(replayed.keys)


def run(kind: str, seed: int, marks: list[int]) -> None:
    """One search; prints a row at each mark."""
    changed = dataclasses.replace(MONTEZUMA.search, rounds=1)
    config: Any = dataclasses.replace(MONTEZUMA, seed=seed, search=changed, **CELLS[kind]).resolve()
    search = poet.build_search(config)
    state, searched = search.init(jax.random.key(seed)), 0.0
    for mark in marks:
        while FRAME_SKIP * int(state.env_steps) < mark:
            began = time.perf_counter()
            state, _ = search.step(state)
            searched += time.perf_counter() - began
        frames = FRAME_SKIP * int(state.env_steps)
        store = state.archive.store
        met = np.asarray(store.fitness) > -np.inf
        rooms = len(np.unique(np.asarray(store.payload.obs.ram)[met][:, ROOM]))
        score, replayed, steps = best_replayed(config, state)
        verdict = "equal" if score == replayed else f"NOT EQUAL: {replayed:.0f}"
        print(
            f"| {kind} | {seed} | {frames / 1e6:.2f} M | {met.sum()} | {rooms} | {score:.0f} | {steps} | {verdict} | "
            f"{frames / searched / 1e3:.1f} k |",
            flush=True,
        )
    search.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", nargs="+", default=["domain"], choices=CELLS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--frames", type=int, nargs="+", default=[100_000, 1_000_000])
    options = parser.parse_args()
    print("| cells | seed | frames | cells | rooms | score | actions | replay | frames/s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind in options.cells:
        for seed in options.seeds:
            run(kind, seed, options.frames)
    print("load average", os.getloadavg()[0])


if __name__ == "__main__":
    main()
