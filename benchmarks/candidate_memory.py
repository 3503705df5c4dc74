"""Peak memory of a learner step of many niches whose policy is large, beside the size of the candidates of one niche.

    python benchmarks/candidate_memory.py --niches 20 --population 512 --hidden 990 990

Episodes are a few steps in a maze, so that the weights are all that counts.
"""

import argparse
import os
import resource
import time

os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(os.cpu_count()))

import jax
import numpy as np

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.envs.maze.config import MazeConfig
from poet.executors.base import Episode, TrainJob
from poet.executors.config import LocalExecutorConfig
from poet.executors.recipe import Recipe
from poet.learners.config import ESConfig


def peak_gb() -> float:
    """The most memory that the process has had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--niches", type=int, default=20, help="that train at once")
    parser.add_argument("--population", type=int, default=512, help="candidates of each")
    parser.add_argument("--hidden", type=int, nargs="+", default=[990, 990], help="units of the layers of the policy")
    parser.add_argument("--horizon", type=int, default=4, help="steps of an episode")
    options = parser.parse_args()
    generator = MazeConfig(horizon=options.horizon).make()
    recipe = Recipe(
        generator, MLPConfig(hidden=tuple(options.hidden)), XLAEngineConfig(), ESConfig(population=options.population)
    )
    policy, _, learner = recipe.build()
    executor = LocalExecutorConfig().make(recipe)
    genome = jax.tree.map(np.asarray, generator.simplest())
    jobs = []
    for key in jax.random.split(jax.random.key(0), options.niches):
        state = jax.tree.map(np.asarray, learner.init(key, policy.init(key)))
        jobs.append(TrainJob(state, key, [Episode(genome, key)], [Episode(genome, key)]))
    before, start = peak_gb(), time.perf_counter()
    executor.train(jobs)
    weights = 4 * policy.num_params * options.population / 1e9
    print(
        f"{len(jax.local_devices())} devices, {policy.num_params:,} weights, {options.niches} niches of "
        f"{options.population} candidates: the candidates of one niche have {weights:.2f} GB, peak "
        f"{peak_gb():.2f} GB (before the step {before:.2f}), {time.perf_counter() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
