"""Walker steps per second for different numbers of lanes on the default device: where does the device saturate?

    python benchmarks/walker_lanes.py --lanes 1024 4096 16384 65536 262144

Each row runs episodes as a search does: random policies of the paper's size, one set of weights per episode, terrains
built within the program, lanes refilled from a queue, fitness returned. Steps of idle lanes are not counted. Also
prints how long the paper's run would take at the best rate.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.agents.engine import Episodes, Levels
from poet.agents.mlp import mlp
from poet.envs.walker.config import WalkerConfig

PAPER_STEPS = 4.6e11  # 25,200 iterations, 20 niches, 512 samples, episodes of 1,000 steps, proposals included


def measure(lanes: int, per_lane: int, from_prior: bool, chunk: int, repeats: int) -> tuple[float, float, float, float]:
    """Steps/s of episodes (median of repeats), steps/s of lanes, share of busy lanes, seconds to compile."""
    generator = WalkerConfig().make()
    environment = generator.environment
    policy = mlp(environment.interface, MLPConfig())
    queue = lanes * per_lane
    keys = jax.random.split(jax.random.key(0), queue)
    params = jax.vmap(policy.init)(keys)
    simplest = jax.tree.map(jnp.asarray, generator.simplest())
    genome = (
        jax.vmap(generator.sample)(keys)
        if from_prior
        else jax.tree.map(lambda x: jnp.broadcast_to(x, (queue, *x.shape)), simplest)
    )
    engine = XLAEngineConfig(lanes=lanes, chunk=chunk).make(environment, policy, simplest)
    numbers, num = jnp.arange(queue), jnp.int32(queue)
    args = params, Levels(genome, keys), Episodes(numbers, numbers), num, num
    start = time.perf_counter()
    program = jax.jit(engine.run).lower(*args).compile()
    compiled = time.perf_counter() - start
    jax.block_until_ready(program(*args))
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result, lane_steps = jax.block_until_ready(program(*args))
        seconds.append(time.perf_counter() - start)
    median_s = float(np.median(seconds))
    steps = int(np.asarray(result.length).sum())
    return steps / median_s, int(lane_steps) / median_s, steps / int(lane_steps), compiled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lanes", type=int, nargs="+", default=[128], help="a row for each number")
    parser.add_argument("--per-lane", type=int, default=4, help="queued episodes for each lane")
    parser.add_argument("--chunk", type=int, default=32, help="steps between refills")
    parser.add_argument("--repeats", type=int, default=3, help="runs, of which the median counts")
    parser.add_argument("--hard", action="store_true", help="genomes sampled from the prior instead of flat ground")
    options = parser.parse_args()
    device = jax.devices()[0]
    terrains = "sampled" if options.hard else "flat"
    print(f"{device.device_kind} ({device.platform}), jax {jax.__version__}, {terrains} terrains")
    print(f"{'lanes':>8} {'steps/s':>12} {'lane steps/s':>13} {'busy':>6} {'compile':>8}")
    best = 0.0
    for lanes in options.lanes:
        useful, all_steps, busy, compiled = measure(
            lanes, options.per_lane, options.hard, options.chunk, options.repeats
        )
        best = max(best, useful)
        print(f"{lanes:>8} {useful:>12,.0f} {all_steps:>13,.0f} {busy:>6.2f} {compiled:>7.1f}s", flush=True)
    print(f"the paper's run, {PAPER_STEPS:.1e} steps, at the best rate: {PAPER_STEPS / best / 3600:,.1f} hours")


if __name__ == "__main__":
    main()
