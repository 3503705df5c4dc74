"""Time of one ES step of POET: 512 candidates and a score on flat ground, from new random weights.

    python -m benchmarks.es_step

The time of the released POET is calculated: the number of environment steps divided by the speed of gymnasium's
BipedalWalker-v3, which is measured in turn with ours. (The environment of the release is as fast: 7,650 compared to
7,519 steps per CPU-second on another machine. Rollouts take more than 98 % of its step, and its five evaluation
episodes are equal.)
"""

import argparse
import os
import time

os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(os.cpu_count()))

import jax
import numpy as np

from benchmarks.walker_speed import gymnasium
from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.envs.walker.config import WalkerConfig
from poet.executors.base import Episode, TrainJob
from poet.executors.config import LocalExecutorConfig
from poet.executors.recipe import Recipe
from poet.learners.config import ESConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="number of random starts")
    parser.add_argument("--niches", type=int, nargs="+", default=[1, 8], help="numbers of niches that train at once")
    options = parser.parse_args()
    generator = WalkerConfig().make()
    recipe = Recipe(generator, MLPConfig(), XLAEngineConfig(), ESConfig())
    policy, _, learner = recipe.build()
    executor = LocalExecutorConfig().make(recipe)
    box2d = gymnasium(hardcore=False, seconds=3.0, sigma=0.1)
    flat = jax.tree.map(np.asarray, generator.simplest())

    def make_jobs(seed: int, num: int) -> list[TrainJob]:
        jobs = []
        for key in jax.random.split(jax.random.key(seed), num):
            state = jax.tree.map(np.asarray, learner.init(key, policy.init(key)))
            jobs.append(TrainJob(state, key, [Episode(flat, key)], [Episode(flat, key)]))
        return jobs

    executor.train(make_jobs(0, 1))
    executor.timings()
    print(f"{len(jax.local_devices())} devices; seconds are per niche, those of gymnasium CPU time")
    columns = ("niches", "seed", "env steps", "length", "wall s", "CPU s", "busy", "gymnasium")
    print(" ".join(f"{name:>9}" for name in columns))
    for num in options.niches:
        ratios = []
        for seed in range(1, options.seeds + 1):
            jobs = make_jobs(seed, num)
            wall, cpu = time.perf_counter(), time.process_time()
            results = executor.train(jobs)
            wall, cpu = (time.perf_counter() - wall) / num, (time.process_time() - cpu) / num
            steps = sum(result.num_steps for result in results) / num
            length = steps / results[0].num_episodes
            gymnasium_s = steps / box2d()
            ratios.append((gymnasium_s / cpu, gymnasium_s / wall))
            busy = executor.timings()["busy"]
            cells = (num, seed, f"{steps:,.0f}", f"{length:.0f}", f"{wall:.2f}", f"{cpu:.2f}", f"{busy:.0%}")
            print(" ".join(f"{cell:>9}" for cell in (*cells, f"{gymnasium_s:.1f}")))
        per_cpu, per_wall = np.median(ratios, axis=0)
        print(
            f"median speed-up over gymnasium on one core: {per_cpu:.0f}x per CPU-second, {per_wall:.0f}x in wall time"
        )


if __name__ == "__main__":
    main()
