"""Gym's heuristic gait, closed loop, in our simulation and in Box2D on the same terrains as rough as v3.

python -m benchmarks.walker_gait --sweeps 10 30 --box2d 150
"""

import argparse
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.envs.box2d.bipedal_walker import BipedalWalkerHeuristics

from benchmarks.box2d import CourseWalker
from poet.envs.walker.env import Walker
from poet.envs.walker.genome import ObstacleGenome
from poet.envs.walker.terrain import Terrain

STEPS = 1600
STAY, PUT_DOWN, PUSH_OFF = 1, 2, 3  # phases
SPEED, SUPPORT = 0.29, 0.1


class Gait(NamedTuple):
    """State of the gait: its phase, the index of the moving leg, the target angle of the other knee."""

    phase: jax.Array
    moving: jax.Array
    knee: jax.Array


def stride(gait: Gait, obs: jax.Array) -> tuple[Gait, jax.Array]:
    """The next state and action, as in `BipedalWalkerHeuristics.step_heuristic`."""
    phase, moving, knee = gait
    legs = obs[4:14].reshape(2, 5)  # hip, its speed, knee, its speed, contact
    move, support = legs[moving], legs[1 - moving]
    free = jnp.nan  # no target angle

    stay = phase == STAY
    rising = jnp.minimum(knee + 0.03 + jnp.where(obs[2] > SPEED, 0.03, 0.0), SUPPORT)
    knee = jnp.where(stay, rising, knee)
    hips = jnp.where(stay, jnp.array([1.1, free]), jnp.array([free, free]))  # of the moving and the other leg
    knees = jnp.where(stay, jnp.stack([jnp.float32(-0.6), knee]), jnp.array([free, free]))
    phase = jnp.where(stay & (support[0] < 0.1), PUT_DOWN, phase)

    put = phase == PUT_DOWN
    hips = jnp.where(put, jnp.array([0.1, hips[1]]), hips)
    knees = jnp.where(put, jnp.stack([jnp.float32(SUPPORT), knee]), knees)
    landed = put & (move[4] > 0)
    knee = jnp.where(landed, jnp.minimum(move[2], SUPPORT), knee)
    phase = jnp.where(landed, PUSH_OFF, phase)

    push = phase == PUSH_OFF
    knees = jnp.where(push, jnp.stack([knee, jnp.float32(1.0)]), knees)
    swap = push & ((support[2] > 0.88) | (obs[2] > 1.2 * SPEED))

    pair = jnp.stack([move, support])
    hip = jnp.where(jnp.isnan(hips), 0.0, 0.9 * (hips - pair[:, 0]) - 0.25 * pair[:, 1]) + 0.9 * obs[0] + 1.5 * obs[1]
    bend = jnp.where(jnp.isnan(knees), 0.0, 4.0 * (knees - pair[:, 2]) - 0.25 * pair[:, 3]) - 15.0 * obs[3]
    action = jnp.clip(0.5 * jnp.stack([hip, bend], axis=1), -1, 1)
    action = jnp.where(moving == 0, action, action[::-1]).reshape(-1)
    return Gait(jnp.where(swap, STAY, phase), jnp.where(swap, 1 - moving, moving), knee), action


def terrain(seed: jax.Array) -> Terrain:
    genome = ObstacleGenome(*(jnp.array(v, jnp.int32) for v in (10, (0, 0), (0, 0), (0, 0), 0)), seed)
    return Walker().build(jax.random.key(0), genome)


def returns_in_ours(walker: Walker, seeds: np.ndarray) -> np.ndarray:
    """The return for each seed."""
    key = jax.random.key(0)

    def episode(seed: jax.Array) -> jax.Array:
        level = terrain(seed)
        world, obs = walker.reset(key, level)
        gait = Gait(jnp.int32(STAY), jnp.int32(0), jnp.float32(SUPPORT))

        def step(carry: tuple, _: None) -> tuple[tuple, None]:
            world, obs, gait, total, ended = carry
            gait, action = stride(gait, obs)
            result = walker.step(key, level, world, action)
            total += jnp.where(ended, 0.0, result.reward)
            return (result.world, result.obs, gait, total, ended | result.terminated), None

        start = (world, obs, gait, jnp.float32(0), jnp.array(False))
        return jax.lax.scan(step, start, length=STEPS)[0][3]

    return np.asarray(jax.jit(jax.vmap(episode))(jnp.asarray(seeds)))


def returns_in_box2d(seeds: np.ndarray) -> np.ndarray:
    """The return for each seed."""
    found, build = [], jax.jit(terrain)
    for seed in seeds:
        env, gait, total = CourseWalker(build(jnp.int32(seed))), BipedalWalkerHeuristics(), 0.0
        obs, _ = env.reset(seed=int(seed))
        for _ in range(STEPS):
            obs, reward, done, _, _ = env.step(gait.step_heuristic(obs))
            total += reward
            if done:
                break
        found.append(total)
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", type=int, default=512, help="number of episodes in our simulation")
    parser.add_argument("--box2d", type=int, default=100, help="number of episodes in Box2D")
    parser.add_argument("--sweeps", type=int, nargs="+", default=[10], help="of the contact solver; a row for each")
    options = parser.parse_args()
    results = {f"ours, {n} sweeps": returns_in_ours(Walker(sweeps=n), np.arange(options.ours)) for n in options.sweeps}
    results["Box2D"] = returns_in_box2d(np.arange(options.box2d))
    print("| | episodes | mean return (standard error) | share above 250 |\n| --- | --- | --- | --- |")
    for name, r in results.items():
        print(f"| {name} | {len(r)} | {r.mean():.0f} ({r.std() / len(r) ** 0.5:.0f}) | {(r > 250).mean():.2f} |")


if __name__ == "__main__":
    main()
