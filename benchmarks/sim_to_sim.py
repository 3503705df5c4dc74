"""Does a policy that was trained only in our simulation walk in Box2D without modification?

    python benchmarks/sim_to_sim.py --generations 400 --out walker.npz

Trains the paper's policy with POET's ES on another terrain as rough as v3 in every generation, with the disturbances
given as options. Keeps the weights with the best mean score on 100 other terrains in *our* disturbed simulation, and
runs them in gymnasium's BipedalWalker-v3 for 100 episodes. Nothing is adapted to Box2D or selected by it.
`--generations 0 --start FILE` only runs the weights of a file. Requires gymnasium[box2d].
"""

import argparse
import dataclasses
import time
import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.agents.policy import Policy
from poet.envs.base import Interface, Step
from poet.envs.walker.config import WalkerConfig
from poet.envs.walker.constants import FINISH_X
from poet.envs.walker.env import Walker, update_derived
from poet.executors.base import Batch, Episode, TrainJob
from poet.executors.config import LocalExecutorConfig
from poet.executors.recipe import Recipe
from poet.learners.config import ESConfig
from poet.types import derive_key

FLAGS = np.isin(np.arange(24), (8, 13))  # the two contact flags among the observations


@dataclasses.dataclass(frozen=True)
class Disturbed:
    """The walker with noise on start angles and observations, random kicks, and contact flags that are set to 0."""

    walker: Walker
    pose: float  # rad, standard deviation of the noise on start angles
    kick: float  # m/s, standard deviation of a kick to the whole walker, about once a second
    dropout: float  # share of contact flags that are set to 0
    noise: float  # standard deviation of the noise on every observation but the flags

    @property
    def interface(self) -> Interface:
        return self.walker.interface

    def build(self, key, genome):
        return self.walker.build(key, genome)

    def reset(self, key, level):
        world, obs = self.walker.reset(key, level)
        angle = world.angle + self.pose * jax.random.normal(key, (5,))
        return update_derived(level, world._replace(angle=angle, spin_angle=angle)), obs

    def step(self, key, level, world, action) -> Step:
        kicked, push, drop, noise = jax.random.split(key, 4)
        speed = self.kick * jax.random.normal(push, (2,)) * jax.random.bernoulli(kicked, 0.02)
        step = self.walker.step(key, level, world._replace(velocity=world.velocity + speed), action)
        dropped = FLAGS & jax.random.bernoulli(drop, self.dropout, (24,))
        obs = jnp.where(dropped, 0.0, step.obs) + self.noise * jnp.where(FLAGS, 0.0, jax.random.normal(noise, (24,)))
        return step._replace(obs=obs)

    def success(self, level, world):
        return self.walker.success(level, world)


class RoughGround(NamedTuple):
    """As much of a generator as a recipe needs."""

    environment: Any
    genome: Any

    def simplest(self) -> Any:
        return self.genome


def in_box2d(policy: Policy, params: np.ndarray, episodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns and distances (m) in gymnasium's BipedalWalker-v3."""
    import gymnasium

    tree = jax.tree.map(np.asarray, policy.unravel(params)["params"])
    layers = [tree[name] for name in sorted(tree)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        env = gymnasium.make("BipedalWalker-v3")
    returns, distances = [], []
    for episode in range(episodes):
        x, _ = env.reset(seed=episode)
        total, ended = 0.0, False
        while not ended:
            for layer in layers:
                x = np.tanh(x @ layer["kernel"] + layer["bias"])
            x, reward, terminated, truncated, _ = env.step(x)
            total, ended = total + float(reward), terminated or truncated
        returns.append(total)
        distances.append(env.unwrapped.hull.position.x)
    return np.array(returns), np.array(distances)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generations", type=int, default=400, help="learner steps; 0 only evaluates")
    parser.add_argument("--population", type=int, default=512, help="candidates of a generation")
    parser.add_argument("--learning-rate", type=float, default=0.05, help="of Adam")
    parser.add_argument(
        "--sweeps", type=int, nargs="+", default=[10], help="sweeps of the solver; generations alternate between them"
    )
    parser.add_argument("--pose", type=float, default=0.05, help="std of start angles, rad")
    parser.add_argument("--kick", type=float, default=0.3, help="speed of kicks, m/s")
    parser.add_argument("--dropout", type=float, default=0.1, help="share of contact flags set to 0")
    parser.add_argument("--noise", type=float, default=0.02, help="std of noise on observations")
    parser.add_argument("--horizon", type=int, default=1600, help="maximum steps of an episode")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers")
    parser.add_argument("--every", type=int, default=40, help="generations between two evaluations")
    parser.add_argument("--start", help="initial weights (.npz of an earlier --out)")
    parser.add_argument("--out", default="walker.npz", help="file for the best weights")
    options = parser.parse_args()

    disturbance = (options.pose, options.kick, options.dropout, options.noise)
    disturbed = [Disturbed(Walker(s, options.horizon, "fresh"), *disturbance) for s in options.sweeps]
    plain = Walker(10, options.horizon, "fresh")
    rough = jax.tree.map(np.asarray, WalkerConfig().make().simplest())._replace(roughness=np.int32(10))
    learner_config = ESConfig(population=options.population, learning_rate=options.learning_rate)
    recipes = [
        Recipe(RoughGround(environment, rough), MLPConfig(), XLAEngineConfig(), learner_config)
        for environment in (plain, *disturbed)
    ]
    testing, *training = (LocalExecutorConfig().make(recipe) for recipe in recipes)
    policy, _, learner = recipes[0].build()

    key = jax.random.key(options.seed)
    params = np.asarray(np.load(options.start)["params"] if options.start else policy.init(derive_key(key, 0)))
    state = jax.tree.map(np.asarray, learner.init(key, jnp.asarray(params)))
    steps, start_s, best = 0, time.perf_counter(), -np.inf
    best_params = params
    for generation in range(options.generations):
        job = TrainJob(state, derive_key(key, 1, generation), [Episode(rough, derive_key(key, 2, generation))], [])
        (result,) = training[generation % len(training)].train([job])
        state, steps = result.learner, steps + result.num_steps
        if (generation + 1) % options.every == 0 or generation + 1 == options.generations:
            params = np.asarray(learner.params(state))
            episodes = [Episode(rough, derive_key(key, 3, e)) for e in range(100)]
            batch = Batch(params[None], episodes, np.array([(0, e) for e in range(100)]))
            ours, ours_disturbed = (runner.evaluate(batch) for runner in (testing, training[0]))
            box2d, distances = in_box2d(policy, params, 10)
            print(
                f"{generation + 1:5d} {steps / 1e6:7.1f} M steps {time.perf_counter() - start_s:6.0f} s  "
                f"population {result.fitness.mean():6.1f}  "
                f"ours {ours.fitness.mean():6.1f} +- {ours.fitness.std():5.1f}, "
                f"disturbed {ours_disturbed.fitness.mean():6.1f}  "
                f"Box2D {box2d.mean():6.1f} +- {box2d.std():5.1f} ({distances.mean():.0f} m)",
                flush=True,
            )
            if ours_disturbed.fitness.mean() > best:
                best, best_params = ours_disturbed.fitness.mean(), params
                np.savez(options.out, params=best_params)
    box2d, distances = in_box2d(policy, best_params, 100)
    print(
        f"Box2D, 100 episodes: mean {box2d.mean():.1f}, std {box2d.std():.1f}, min {box2d.min():.1f}, "
        f"max {box2d.max():.1f}, reached the end {np.mean(distances > FINISH_X):.0%}, "
        f"distance {distances.mean():.1f} m"
    )


if __name__ == "__main__":
    main()
