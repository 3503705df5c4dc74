"""How much of the time of Go-Explore is not the environment's own step.

    .venv-gymnax/bin/python -m benchmarks.go_explore_overhead go-explore-minigrid go-explore-craftax go-explore-maze

For each preset, in turns in one process: the steps of its environment alone, with given actions; the same with the
policy in an engine; and iterations of the search in which its archive does not grow. CPU-seconds are of all threads.
Prints medians over turns, and the share of the search's time per step that is not the environment's: the median over
turns, the least and the greatest. Steps are those of all lanes; the last column says how many of them count in the
search, since lanes whose rollout has ended are idle.
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import poet
from poet.agents.engine import LevelTable
from poet.agents.lane import broadcast
from poet.agents.segments import Explorer
from poet.envs.spaces import action_at, num_uniforms
from poet.executors.recipe import Recipe
from poet.jax_settings import pinned
from poet.search.go_explore.algorithm import go_explore
from poet.search.go_explore.segments import PHASES

HEADINGS = (
    "preset",
    "bytes of a world",
    "steps per CPU-s: environment",
    "and policy",
    "search",
    "share of the search",
    "steps that count",
)


class Case(NamedTuple):
    """Programs of one preset; each call returns the number of steps that count."""

    world_bytes: int
    environment: Callable[[], int]
    rollouts: Callable[[], int]
    search: Callable[[], int]
    rows: Callable[[], int]  # of the archive of the search
    steps: int  # of all lanes, in a call


def make_case(name: str) -> Case:
    """The programs, compiled."""
    config = poet.presets.get(name).resolve()
    generator: Any = config.generator.make()
    environment = generator.environment
    policy, engine, _ = Recipe(generator, config.policy, config.engine).build()
    lanes, num_steps = config.search.batch, config.search.steps
    explorer, key = Explorer(generator, policy, engine, PHASES, lanes=lanes, steps=num_steps), jax.random.key(0)
    level, point = explorer.root(key)
    levels, worlds = broadcast((level, point.world), lanes)
    space = environment.interface.action
    draw_one = lambda key: action_at(space, jax.random.uniform(key, (num_uniforms(space),)))  # noqa: E731
    draw = jax.jit(jax.vmap(jax.vmap(draw_one)))
    actions = draw(jax.random.split(key, (num_steps, lanes)))

    def one_step(worlds: Any, at: Any) -> Any:
        number, action = at
        keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key, number), jnp.arange(lanes))
        step = jax.vmap(environment.step)(keys, levels, worlds, action)
        # What a search reads of a step must be computed here too.
        used = [jnp.sum(leaf, dtype=jnp.float32) for leaf in jax.tree.leaves((step.obs, step.terminated))]
        return step.world, (step.reward, sum(used))

    alone = jax.jit(lambda worlds: jax.lax.scan(one_step, worlds, (jnp.arange(num_steps), actions)))
    table = LevelTable(jax.tree.map(lambda leaf: leaf[None], level), jnp.ones(1))
    advance = jax.jit(
        lambda params, lanes: engine.advance(
            params, table, lanes, num_steps, lambda step: (step.reward, jnp.sum(step.next_obs, dtype=jnp.float32))
        )
    )
    params, idle = explorer.params(key), engine.idle(key, lanes)
    search = go_explore(config.search, generator, policy, engine, config.cell.make(environment, generator.simplest()))
    states = [search.init(key)]

    def iterate() -> int:
        before = int(states[0].env_steps)
        states[0], _ = search.step(states[0])
        return int(states[0].env_steps) - before

    def repeat(program: Callable[[], Any]) -> Callable[[], int]:
        def run() -> int:
            for _ in range(config.search.rounds):
                jax.block_until_ready(program())
            return config.search.rounds * num_steps * lanes

        return run

    size = sum(leaf.nbytes for leaf in jax.tree.leaves(point.world))
    environment_alone, rollouts = repeat(lambda: alone(worlds)), repeat(lambda: advance(params, idle))
    all_steps = config.search.rounds * num_steps * lanes
    return Case(size, environment_alone, rollouts, iterate, lambda: len(states[0].counters.seen), all_steps)


def timed(program: Callable[[], int], rows: Callable[[], int]) -> tuple[float, int]:
    """CPU-seconds and steps that count, of a call in which nothing is compiled."""
    while True:
        before, start = rows(), time.process_time()
        steps = program()
        seconds = time.process_time() - start
        if rows() == before:
            return seconds, steps


def measure(case: Case, warm_up: int, turns: int) -> tuple[np.ndarray, float]:
    """CPU-seconds per step f64[turns, 3] of environment, rollouts and search; the share of its steps that count."""
    for _ in range(warm_up):
        case.search()
    programs = case.environment, case.rollouts, case.search
    for program in programs:
        program()
    calls = np.array([[timed(program, case.rows) for program in programs] for _ in range(turns)])
    return calls[..., 0] / case.steps, float(calls[:, 2, 1].mean() / case.steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="+", help="of Go-Explore")
    parser.add_argument("--warm-up", type=int, default=8, help="iterations of the search before the first turn")
    parser.add_argument("--turns", type=int, default=5, help="of the three programs")
    options = parser.parse_args()
    device = jax.devices()[0]
    print(f"{device.device_kind} ({device.platform}), jax {jax.__version__}; load before: {os.getloadavg()[0]:.1f}")
    print(f"| {' | '.join(HEADINGS)} |\n|{' --- |' * len(HEADINGS)}")
    for name in options.presets:
        with pinned():
            case = make_case(name)
            times, counted = measure(case, options.warm_up, options.turns)
        rates = " | ".join(f"{rate:,.0f}" for rate in 1 / np.median(times, axis=0))
        shares = 1 - times[:, 0] / times[:, 2]
        spread = f"{np.median(shares):.0%} ({shares.min():.0%} to {shares.max():.0%})"
        print(f"| `{name}` | {case.world_bytes:,} | {rates} | {spread} | {counted:.0%} |", flush=True)
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
