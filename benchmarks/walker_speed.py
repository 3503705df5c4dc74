"""Walker steps per CPU-second on one core: ours, gymnasium's with Box2D, and envpool's if it is installed.

    taskset -c 0 python -m benchmarks.walker_speed

All run random policies of the paper's size, each episode with its own weights, in turn within one process, and count
only steps of episodes. Ours runs episodes as a search does: terrains built within the program, lanes refilled from a
queue, fitness returned. Ratios are medians over the turns, so that other load on the machine affects all equally.
"""

import argparse
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.envs.box2d.bipedal_walker import BipedalWalker

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.agents.engine import Episodes, Levels
from poet.agents.mlp import mlp
from poet.envs.walker.env import Walker
from poet.envs.walker.genome import ObstacleGenome

MAX_STEPS = 2000  # of an episode
FLAT = (0, (0, 0), (0, 0), (0, 0), 0)
HARD = (10, (5, 10), (5, 10), (5, 5), 4)  # similar to gym's hardcore: the roughness of v3, pits, stumps and stairs
SHAPES = ((24, 40), (40, 40), (40, 4))


def ours(
    genome: tuple, lanes: int, queue: int, chunk: int, sweeps: int, sigma: float, busy: list[float]
) -> Callable[[], float]:
    """A function that runs `queue` episodes and returns their steps per CPU-second.

    Each call appends to `busy` the share of the lanes' steps that belonged to an episode.
    """
    walker = Walker(sweeps=sweeps, terrain="fresh")
    policy = mlp(walker.interface, MLPConfig())
    keys = jax.random.split(jax.random.key(0), queue)
    params = sigma * jax.random.normal(jax.random.key(1), (queue, policy.num_params))
    one = ObstacleGenome(*(jnp.array(v, jnp.int32) for v in (*genome, 0)))
    genomes = jax.tree.map(lambda v: jnp.broadcast_to(v, (queue, *v.shape)), one)
    numbers, num = jnp.arange(queue), jnp.int32(queue)
    args = params, Levels(genomes, keys), Episodes(numbers, numbers), num, num
    program = jax.jit(XLAEngineConfig(lanes=lanes, chunk=chunk).make(walker, policy, one).run).lower(*args).compile()

    def turn() -> float:
        begin = time.process_time()
        result, lane_steps = jax.block_until_ready(program(*args))
        busy.append(float(result.length.sum() / lane_steps))
        return float(result.length.sum()) / (time.process_time() - begin)

    return turn


def draw_weights(rng: np.random.Generator, sigma: float, copies: tuple[int, ...] = ()) -> list[np.ndarray]:
    """Weights and biases of one random policy, or of an array of them with shape `copies`."""
    return [
        sigma * rng.standard_normal((*copies, *shape)).astype(np.float32)
        for n, m in SHAPES
        for shape in ((n, m), (1, m))
    ]


def gymnasium(hardcore: bool, seconds: float, sigma: float) -> Callable[[], float]:
    """The same for gymnasium's environment with a NumPy policy; each call takes `seconds` of CPU time."""
    env, rng = BipedalWalker(hardcore=hardcore), np.random.default_rng(0)

    def turn() -> float:
        steps, begin = 0, time.process_time()
        while time.process_time() - begin < seconds:
            weights = draw_weights(rng, sigma)
            obs, _ = env.reset(seed=int(rng.integers(1 << 30)))
            for _ in range(MAX_STEPS):
                for w, b in zip(weights[::2], weights[1::2]):
                    obs = np.tanh(obs @ w + b[0])
                obs, _, done, _, _ = env.step(obs)
                steps += 1
                if done:
                    break
        return steps / (time.process_time() - begin)

    return turn


def envpool(hardcore: bool, seconds: float, sigma: float) -> Callable[[], float] | None:
    """The same for 64 of envpool's C++ environments on one thread; None if envpool is not installed."""
    try:
        import envpool as library  # pyright: ignore
    except ImportError:
        return None
    name = "BipedalWalkerHardcore-v3" if hardcore else "BipedalWalker-v3"
    env = library.make_gymnasium(name, num_envs=64, num_threads=1, max_episode_steps=MAX_STEPS)
    weights = draw_weights(np.random.default_rng(0), sigma, (64,))
    state = {"obs": env.reset()[0]}

    def turn() -> float:
        steps, obs, begin = 0, state["obs"], time.process_time()
        while time.process_time() - begin < seconds:
            action = obs[:, None]
            for w, b in zip(weights[::2], weights[1::2]):
                action = np.tanh(action @ w + b)
            obs = env.step(action[:, 0].astype(np.float32))[0]
            steps += 64
        state["obs"] = obs
        return steps / (time.process_time() - begin)

    return turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lanes", type=int, default=128, help="episodes side by side")
    parser.add_argument("--queue", type=int, default=2048, help="episodes of one turn")
    parser.add_argument("--chunk", type=int, default=32, help="steps between refills")
    parser.add_argument("--sweeps", type=int, default=10, help="of the contact solver")
    parser.add_argument("--sigma", type=float, default=0.1, help="of the random weights")
    parser.add_argument("--turns", type=int, default=7, help="of which the minimum, median and maximum are shown")
    parser.add_argument("--seconds", type=float, default=2.0, help="CPU time of each turn of gymnasium and envpool")
    options = parser.parse_args()
    busy: list[float] = []
    mine = (options.lanes, options.queue, options.chunk, options.sweeps, options.sigma, busy)
    theirs = (options.seconds, options.sigma)
    runners = {
        "ours, flat": ours(FLAT, *mine),
        "ours, hard": ours(HARD, *mine),
        "gymnasium, v3": gymnasium(False, *theirs),
        "gymnasium, hardcore": gymnasium(True, *theirs),
        "envpool, v3": envpool(False, *theirs),
        "envpool, hardcore": envpool(True, *theirs),
    }
    runners = {name: run for name, run in runners.items() if run}
    found: dict[str, list[float]] = {name: [] for name in runners}
    for turn in range(options.turns + 1):
        for name, run in runners.items():
            speed = run()
            if turn:  # the first turn warms up
                found[name].append(speed)
    print("| | steps per CPU-second: min / median / max | speed-up of ours on flat ground |\n| --- | --- | --- |")
    for name, speeds in found.items():
        ratio = np.median(np.array(found["ours, flat"]) / np.array(speeds))
        print(f"| {name} | {min(speeds):,.0f} / {np.median(speeds):,.0f} / {max(speeds):,.0f} | {ratio:.2f} |")
    ratio = np.median(np.array(found["ours, hard"]) / np.array(found["gymnasium, hardcore"]))
    print(f"\nspeed-up on hard terrain over gymnasium, hardcore: {ratio:.1f}; busy lanes {np.mean(busy):.0%}")


if __name__ == "__main__":
    main()
