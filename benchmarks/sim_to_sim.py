"""Does a walker that was trained here alone walk in Box2D, unmodified?

    python benchmarks/sim_to_sim.py --generations 400 --out walker.npz

Trains the paper's policy by POET's ES on fresh v3-like rough ground in every generation, with the disturbances given
below. The weights that did best on 100 fresh courses *here*, disturbed, are kept, then run in gymnasium's
BipedalWalker-v3: 100 episodes, nothing adapted, nothing chosen by Box2D. `--generations 0 --start FILE` only does the
latter. Needs gymnasium[box2d].
"""

import argparse
import dataclasses
import time
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from poet.agents.config import PolicyConfig
from poet.agents.policy import Policy, mlp
from poet.envs.base import Interface, Step
from poet.envs.walker.config import WalkerConfig
from poet.envs.walker.constants import FINISH
from poet.envs.walker.env import Walker, renew
from poet.executors.base import Ground, Task
from poet.executors.config import ExecutionConfig
from poet.executors.local import local
from poet.learners.config import ESConfig
from poet.learners.es import es
from poet.types import derive

FLAGS = np.isin(np.arange(24), (8, 13))  # the two contact flags among the observations


@dataclasses.dataclass(frozen=True)
class Disturbed:
    """The walker with a start pose that is off, random kicks, contact flags that drop out, and noisy readings."""

    walker: Walker
    pose: float  # rad, standard deviation of the first angles
    kick: float  # m/s, standard deviation of a kick to the whole body, about once a second
    dropout: float  # share of contact flags that read 0
    noise: float  # standard deviation on every reading but the flags

    @property
    def interface(self) -> Interface:
        return self.walker.interface

    def build(self, key, genome):
        return self.walker.build(key, genome)

    def reset(self, key, level):
        world, obs = self.walker.reset(key, level)
        angle = world.angle + self.pose * jax.random.normal(key, (5,))
        return renew(level, world._replace(angle=angle, spin_angle=angle)), obs

    def step(self, key, level, world, action) -> Step:
        kicked, push, drop, noise = jax.random.split(key, 4)
        speed = self.kick * jax.random.normal(push, (2,)) * jax.random.bernoulli(kicked, 0.02)
        step = self.walker.step(key, level, world._replace(velocity=world.velocity + speed), action)
        lost = FLAGS & jax.random.bernoulli(drop, self.dropout, (24,))
        read = jnp.where(lost, 0.0, step.obs) + self.noise * jnp.where(FLAGS, 0.0, jax.random.normal(noise, (24,)))
        return step._replace(obs=read)

    def success(self, level, world):
        return self.walker.success(level, world)


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
        total, over = 0.0, False
        while not over:
            for layer in layers:
                x = np.tanh(x @ layer["kernel"] + layer["bias"])
            x, reward, terminated, truncated, _ = env.step(x)
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
        distances.append(env.unwrapped.hull.position.x)
    return np.array(returns), np.array(distances)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generations", type=int, default=400)
    parser.add_argument("--population", type=int, default=512)
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--sweeps", type=int, nargs="+", default=[10], help="solver variants, in turn by generation")
    parser.add_argument("--pose", type=float, default=0.05)
    parser.add_argument("--kick", type=float, default=0.3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--noise", type=float, default=0.02)
    parser.add_argument("--horizon", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=40, help="generations between looks at Box2D")
    parser.add_argument("--start", help="weights to go on from (.npz of an earlier --out)")
    parser.add_argument("--out", default="walker.npz")
    options = parser.parse_args()

    disturbance = (options.pose, options.kick, options.dropout, options.noise)
    worlds = [Disturbed(Walker(s, options.horizon, "fresh"), *disturbance) for s in options.sweeps]
    plain = Walker(10, options.horizon, "fresh")
    policy = mlp(plain.interface, PolicyConfig())
    learner = es(ESConfig(population=options.population, learning_rate=options.learning_rate), policy.num_params)
    training = [local(world, policy, learner, ExecutionConfig()) for world in worlds]
    testing = local(plain, policy, learner, ExecutionConfig())
    rough = jax.tree.map(np.asarray, WalkerConfig().make().simplest())._replace(roughness=np.int32(10))

    key = jax.random.key(options.seed)
    params = np.asarray(np.load(options.start)["params"] if options.start else policy.init(derive(key, 0)))
    state = jax.tree.map(np.asarray, learner.init(key, jnp.asarray(params)))
    steps, began, best = 0, time.perf_counter(), -np.inf
    kept = params
    for generation in range(options.generations):
        task = Task(state, derive(key, 1, generation), [Ground(rough, derive(key, 2, generation))], [])
        (done,) = training[generation % len(training)].optimise([task])
        state, steps = done.learner, steps + done.steps
        if (generation + 1) % options.every == 0:
            params = np.asarray(learner.params(state))
            grounds = [Ground(rough, derive(key, 3, e)) for e in range(100)]
            pairs = [(0, e) for e in range(100)]
            here, shaken = (runner.evaluate([params], grounds, pairs) for runner in (testing, training[0]))
            there, far = in_box2d(policy, params, 10)
            print(
                f"{generation + 1:5d} {steps / 1e6:7.1f} M steps {time.perf_counter() - began:6.0f} s  "
                f"population {done.fitness.mean():6.1f}  here {here.fitness.mean():6.1f} +- {here.fitness.std():5.1f}, "
                f"disturbed {shaken.fitness.mean():6.1f}  "
                f"Box2D {there.mean():6.1f} +- {there.std():5.1f} ({far.mean():.0f} m)",
                flush=True,
            )
            if shaken.fitness.mean() > best:
                best, kept = shaken.fitness.mean(), params
                np.savez(options.out, params=kept)
    there, far = in_box2d(policy, kept, 100)
    print(
        f"Box2D, 100 episodes: mean {there.mean():.1f}, std {there.std():.1f}, min {there.min():.1f}, "
        f"max {there.max():.1f}, reached the end {np.mean(far > FINISH):.0%}, distance {far.mean():.1f} m"
    )


if __name__ == "__main__":
    main()
