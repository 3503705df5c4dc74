"""One ES step of one niche, as POET takes it: 512 candidates and a score on flat ground, from fresh random weights.

    python -m benchmarks.es_step

The original's cost is arithmetic: the same environment steps at what gymnasium's BipedalWalker-v3 does per CPU-second,
measured here in turn with ours. (Its own environment is as fast: 7,650 against 7,519 steps per CPU-second on another
machine; more than 98 % of its step is rollouts, and its five evaluation episodes are equal.)
"""

import argparse
import os
import time

os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(os.cpu_count()))

import jax
import numpy as np

from benchmarks.walker_speed import gymnasium
from poet.agents.config import PolicyConfig
from poet.agents.policy import mlp
from poet.envs.walker.config import WalkerConfig
from poet.executors.base import Ground, Task
from poet.executors.config import ExecutionConfig
from poet.executors.local import local
from poet.learners.config import ESConfig
from poet.learners.es import es


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--niches", type=int, nargs="+", default=[1, 8], help="niches that take their step at once")
    options = parser.parse_args()
    generator = WalkerConfig().make()
    policy = mlp(generator.environment.interface, PolicyConfig())
    learner = es(ESConfig(), policy.num_params)
    executor = local(generator.environment, policy, learner, ExecutionConfig())
    box2d = gymnasium(hardcore=False, seconds=3.0, sigma=0.1)
    flat = jax.tree.map(np.asarray, generator.simplest())

    def tasks(seed: int, num: int) -> list[Task]:
        made = []
        for key in jax.random.split(jax.random.key(seed), num):
            state = jax.tree.map(np.asarray, learner.init(key, policy.init(key)))
            made.append(Task(state, key, [Ground(flat, key)], [Ground(flat, key)]))
        return made

    executor.optimise(tasks(0, 1))
    executor.wall()
    print(f"{len(jax.local_devices())} devices; seconds are for one niche, the original's CPU seconds")
    columns = ("niches", "seed", "env steps", "length", "wall s", "CPU s", "busy", "original")
    print(" ".join(f"{name:>9}" for name in columns))
    for num in options.niches:
        ratios = []
        for seed in range(1, options.seeds + 1):
            work = tasks(seed, num)
            wall, cpu = time.perf_counter(), time.process_time()
            done = executor.optimise(work)
            wall, cpu = (time.perf_counter() - wall) / num, (time.process_time() - cpu) / num
            steps = sum(d.steps for d in done) / num
            length = steps / done[0].episodes
            original = steps / box2d()
            ratios.append((original / cpu, original / wall))
            busy = executor.wall()["busy"]
            cells = (num, seed, f"{steps:,.0f}", f"{length:.0f}", f"{wall:.2f}", f"{cpu:.2f}", f"{busy:.0%}")
            print(" ".join(f"{cell:>9}" for cell in (*cells, f"{original:.1f}")))
        per_cpu, per_wall = np.median(ratios, axis=0)
        print(f"median: {per_cpu:.0f}x per CPU-second, {per_wall:.0f}x in wall time against one core of the original")


if __name__ == "__main__":
    main()
