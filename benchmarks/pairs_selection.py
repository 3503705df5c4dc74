"""What MAP-Elites over pairs finds with different selections, and as Go-Explore, for the same number of evaluations.

    python -m benchmarks.pairs_selection --task maze --evaluations 20000 --seeds 3

All variants have the same generator, policy, learner, archive and thresholds. Cells count as solved where the agent of
the elite reaches the goal with the score that the generator asks for. A run ends with the first iteration after the
number of evaluations; what it has found is read off the last iteration before.
"""

import argparse
import dataclasses
import os
import time
from typing import Any

os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(os.cpu_count()))

import jax
import numpy as np

from poet.agents.config import MLPConfig
from poet.archives import CellsConfig, LeastChosenConfig, UniformConfig
from poet.envs.maze.config import MazeConfig
from poet.learners.config import ESConfig
from poet.runs.launch import build_search
from poet.search.paired_map_elites.config import PairedMapElitesConfig, PairedMapElitesRunConfig
from poet.search.paired_map_elites.presets import GO_EXPLORE

SEEN = LeastChosenConfig("seen")
VARIANTS: dict[str, dict[str, Any]] = {
    "children, uniform (the default)": {"trainees_from": "children", "selection": UniformConfig()},
    "children, least-chosen by seen": {"trainees_from": "children", "selection": SEEN},
    "elites, uniform": {"trainees_from": "elites", "selection": UniformConfig()},
    "elites, least-chosen by seen (Go-Explore)": {"trainees_from": "elites", "selection": SEEN},
}
TASKS = {
    "maze": PairedMapElitesRunConfig(
        generator=MazeConfig(first_maze="open", horizon=400, speed=5.0),
        policy=MLPConfig(hidden=(8,)),
        learner=ESConfig(population=64, learning_rate=0.05),
        archive=CellsConfig(shape=(12, 12), capacity=144),
        search=PairedMapElitesConfig(features=("walls", "clearance"), solved_score=0.8, training_score=0.3),
    ),
    "walker": GO_EXPLORE,
}


def solved_cells(config: PairedMapElitesRunConfig, seed: int, evaluations: int) -> tuple[int, int, int, float]:
    """Cells solved, cells with an elite, environment steps, and CPU-seconds of a run."""
    search = build_search(config)
    state = search.init(jax.random.key(seed))
    began, found = time.process_time(), (0, 0, 0)
    while True:
        state, info = search.step(state)
        if info.metrics["evaluations"] > evaluations:
            search.close()
            return *found, time.process_time() - began
        num_elites = len(info.snapshots["elites"]().arrays["fitness"])
        found = (info.metrics.get("solved", num_elites), num_elites, info.metrics["env_steps"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, default="maze")
    parser.add_argument("--evaluations", type=int, default=20_000, help="episodes of an agent in an environment")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="search.max_training_steps; by default that of the task")
    parser.add_argument("--variants", type=int, nargs="+", default=range(len(VARIANTS)), help="their numbers, from 0")
    options = parser.parse_args()
    task = TASKS[options.task]
    if options.steps:
        task = dataclasses.replace(task, search=dataclasses.replace(task.search, max_training_steps=options.steps))
    print("| trainees from, selection | cells solved: each seed | mean | cells with an elite | M steps | CPU-seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, changes in [list(VARIANTS.items())[number] for number in options.variants]:
        config = dataclasses.replace(task, search=dataclasses.replace(task.search, **changes))
        rows = np.array([solved_cells(config, seed, options.evaluations) for seed in range(options.seeds)])
        seeds, (solved, elites, steps, seconds) = " / ".join(f"{row[0]:.0f}" for row in rows), rows.mean(axis=0)
        print(f"| {name} | {seeds} | {solved:.1f} | {elites:.1f} | {steps / 1e6:.1f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
