"""What every rollout engine must keep. A package adds its own to `cases`, or runs this module where it is installed.

Engines are compared with a plain Python loop over one episode at a time, in an environment whose rewards are sums of
small integers: they are exact, so that every engine must give the same numbers.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.agents.config import EngineConfig, XLAEngineConfig, engines
from poet.agents.engine import Engine, Episodes, Levels, LevelTable, Start
from poet.agents.policy import Policy
from poet.envs.base import Discrete, Interface, Step
from poet.envs.episode_keys import action_key, level_key, reset_key, step_key
from poet.errors import ConfigError
from tests.contracts.carried import check_carried
from tests.contracts.cases import installed, parameters

HORIZON, NUM_AGENTS, NUM_LEVELS = 11, 4, 3


class CountWorld(NamedTuple):
    total: Any
    time: Any


class Counting(NamedTuple):
    """Actions and the noise of each step are added up until the sum passes the limit of the level."""

    interface: Interface = Interface("counting-v1", jax.ShapeDtypeStruct((2,), jnp.int32), Discrete(5), HORIZON)
    descriptor_names: tuple[str, ...] = ("total",)
    descriptor_bounds: tuple[tuple[float, float], ...] = ((0.0, 100.0),)

    def build(self, key, genome):  # type: ignore[no-untyped-def]
        return {"limit": genome["limit"] + jax.random.randint(key, (), 0, 3)}

    def reset(self, key, level):  # type: ignore[no-untyped-def]
        world = CountWorld(jax.random.randint(key, (), 0, 3), jnp.int32(0))
        return world, self.observe(level, world)

    def observe(self, level, world):  # type: ignore[no-untyped-def]
        return jnp.stack([world.total, level["limit"]])

    def step(self, key, level, world, action):  # type: ignore[no-untyped-def]
        new = CountWorld(world.total + action + jax.random.randint(key, (), 0, 2), world.time + 1)
        reward = (new.total % 3).astype(jnp.float32)
        return Step(new, self.observe(level, new), reward, new.total > level["limit"], new.time >= HORIZON, {})

    def success(self, level, world):  # type: ignore[no-untyped-def]
        return (world.total % 2).astype(jnp.float32)

    def descriptor(self, level, world):  # type: ignore[no-untyped-def]
        return world.total[None].astype(jnp.float32)


def remembering() -> Policy:
    """Acts by its weight, by a count of its own steps, by what it sees, and at random."""

    def act(weights, memory, obs, key):  # type: ignore[no-untyped-def]
        drawn = jax.random.randint(key, (), 0, 2)
        return (weights[0].astype(jnp.int32) + memory + obs[0] + drawn) % 5, memory + 1

    return Policy(1, lambda key: jnp.zeros(1), lambda params: params, act, lambda: jnp.int32(0))


ENVIRONMENT, POLICY, KEY = Counting(), remembering(), jax.random.key(3)
STEP, ACT = jax.jit(ENVIRONMENT.step), jax.jit(POLICY.act)
AGENTS = jnp.arange(NUM_AGENTS, dtype=jnp.float32)[:, None]
GENOMES = {"limit": jnp.array([4, 9, 30, 0], jnp.int32)}
LEVEL_KEYS = jax.random.split(jax.random.key(5), NUM_LEVELS + 1)


def cases() -> list[EngineConfig]:
    """All installed engines; before them ours with few lanes and steps between refills."""
    return [XLAEngineConfig(lanes=2, chunk=3), *installed(engines)]


@pytest.fixture(scope="module", params=parameters(cases()))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Skipped where an engine refuses an environment in JAX; `tests/agents/test_host.py` is that of simulators."""
    try:
        made = request.param.make(ENVIRONMENT, POLICY, {"limit": np.int32(0)})
    except ConfigError as error:
        pytest.skip(str(error))
    if not made.traceable:
        return made
    functions = {name: jax.jit(getattr(made, name)) for name in ("run", "build", "reset", "enter")}
    return made._replace(
        **functions,
        idle=jax.jit(made.idle, static_argnums=1),
        advance=jax.jit(made.advance, static_argnums=(3, 4)),
    )


class Played(NamedTuple):
    """One episode by a plain loop: totals, and the state before each step and after the last."""

    fitness: float
    success: float
    total: int
    states: list[tuple[Any, Any, Any]]  # world, observation, memory
    actions: list[int]
    rewards: list[float]


def play(agent: int, level: int, start: Any = None, length: int = 0, limit: int = HORIZON, key: Any = None) -> Played:
    """An episode; `start` is (world, observation, memory) of a stored state."""
    laid_out = level_of(level)
    key = LEVEL_KEYS[level] if key is None else key
    if start is None:
        start = (*ENVIRONMENT.reset(reset_key(key), laid_out), POLICY.init_memory())
    states, actions, rewards, ended = [start], [], [], False
    while not ended:
        world, obs, memory = states[-1]
        action, memory = ACT(AGENTS[agent], memory, obs, action_key(key, length))
        step = STEP(step_key(key, length), laid_out, world, action)
        length += 1
        states.append((step.world, step.obs, memory))
        actions.append(int(action))
        rewards.append(float(step.reward))
        ended = bool(step.terminated) or length >= limit
    world = states[-1][0]
    return Played(sum(rewards), float(world.total % 2), int(world.total), states, actions, rewards)


def level_of(number: int) -> Any:
    genome = {"limit": GENOMES["limit"][number]}
    return ENVIRONMENT.build(level_key(LEVEL_KEYS[number]), genome)


def levels_for(engine: Engine) -> Levels:
    """The levels, padded to a multiple of the lanes."""
    index = jnp.minimum(jnp.arange(engine.lanes * -(-NUM_LEVELS // engine.lanes)), NUM_LEVELS)
    return Levels({"limit": GENOMES["limit"][index]}, LEVEL_KEYS[index])


def run(engine: Engine, pairs: list[tuple[int, int]], start: Start | None = None, size: int = 12) -> Any:
    agent, level = np.resize(np.array(pairs, np.int32).reshape(-1, 2), (size, 2)).T if pairs else np.zeros((2, size))
    episodes = Episodes(jnp.asarray(agent, jnp.int32), jnp.asarray(level, jnp.int32), start)
    return engine.run(AGENTS, levels_for(engine), episodes, jnp.int32(NUM_LEVELS), jnp.int32(len(pairs)))


PAIRS = st.lists(st.tuples(st.integers(0, NUM_AGENTS - 1), st.integers(0, NUM_LEVELS - 1)), max_size=12)


@settings(max_examples=10, deadline=None)
@given(pairs=PAIRS)
def test_a_queue_gives_what_a_plain_loop_gives(engine: Engine, pairs: list[tuple[int, int]]) -> None:
    result, lane_steps = run(engine, pairs)
    check_carried(result)
    for q, (agent, level) in enumerate(pairs):
        played = play(agent, level)
        assert (float(result.fitness[q]), int(result.length[q])) == (played.fitness, len(played.rewards))
        assert (float(result.success[q]), float(result.descriptor[q, 0])) == (played.success, played.total)
    assert int(lane_steps) >= int(result.length.sum())
    assert not np.asarray(result.length)[len(pairs) :].any()


@settings(max_examples=10, deadline=None)
@given(pairs=PAIRS.filter(len), stop=st.integers(0, HORIZON), more=st.integers(1, HORIZON), stored=st.booleans())
def test_episodes_continue_from_stored_states(engine: Engine, pairs, stop: int, more: int, stored: bool) -> None:
    """As they would have gone on; the limit may count from the start of the episode or from the stored state."""
    wholes = [play(agent, level, limit=HORIZON) for agent, level in pairs]
    stops = [min(stop, len(whole.rewards) - 1) for whole in wholes]
    states = [whole.states[at] for whole, at in zip(wholes, stops)]
    limits = [at + more for at in stops]

    def stack(values: list[Any]) -> Any:
        padded = [values[n % len(values)] for n in range(12)]
        return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf, jnp.int32) for leaf in leaves]), *padded)

    start = Start(
        stack([world for world, _, _ in states]),
        stack([obs for _, obs, _ in states]) if stored else None,
        stack([memory for _, _, memory in states]),
        stack(stops),
        stack(limits),
        LEVEL_KEYS[jnp.array([pairs[n % len(pairs)][1] for n in range(12)])],
    )
    result, _ = run(engine, pairs, start)
    for q, (agent, level) in enumerate(pairs):
        rest = play(agent, level, states[q], stops[q], limits[q])
        assert (float(result.fitness[q]), int(result.length[q])) == (rest.fitness, len(rest.rewards))
        assert float(result.success[q]) == rest.success
        whole = wholes[q]
        if stops[q] + more >= HORIZON:
            continue
        expected = whole.rewards[stops[q] : stops[q] + len(rest.rewards)]
        assert rest.rewards[: len(expected)] == expected


def trace(step: Any) -> Any:
    return step.world, step.obs, step.memory, step.action, step.reward, step.next_obs, step.length, step.key


@pytest.mark.parametrize("splits", [(40,), (13, 1, 26)])
def test_lanes_play_whole_episodes_and_start_others(engine: Engine, splits: tuple[int, ...]) -> None:
    """Each lane is a row of episodes; every step of them is traced, wherever a call begins."""
    num_lanes, agent = 3, 2
    table = LevelTable(
        engine.build(levels_for(engine)), jnp.arange(engine.lanes * -(-NUM_LEVELS // engine.lanes)) * 1.0
    )
    table = table._replace(weight=table.weight * (jnp.arange(len(table.weight)) < NUM_LEVELS))
    lanes, traces, finished = engine.idle(KEY, num_lanes), [], []
    for num_steps in splits:
        lanes, traced, ended = engine.advance(AGENTS[agent], table, lanes, num_steps, trace)
        check_carried(ended)
        traces.append(traced)
        finished.append(ended)
    check_carried(jax.tree.map(jnp.asarray, lanes))
    traced, ended = (jax.tree.map(lambda *parts: np.concatenate(parts), *each) for each in (traces, finished))
    worlds, obs, memory, actions, rewards, next_obs, lengths, keys = traced
    levels_seen = set()
    for lane in range(num_lanes):
        begin = 0
        for last in np.flatnonzero(ended.ended[:, lane]):
            level, part = int(ended.level[last, lane]), (slice(begin, last + 1), lane)
            key = jax.random.wrap_key_data(keys[begin, lane])
            played = play(agent, level, key=key)
            assert rewards[part].tolist() == played.rewards
            assert actions[part].tolist() == played.actions
            assert worlds.total[part].tolist() == [int(world.total) for world, _, _ in played.states[1:]]
            assert obs[part].tolist() == [np.asarray(seen).tolist() for _, seen, _ in played.states[:-1]]
            assert next_obs[part].tolist() == [np.asarray(seen).tolist() for _, seen, _ in played.states[1:]]
            assert memory[part].tolist() == list(range(len(played.rewards)))
            assert lengths[part].tolist() == list(range(1, 1 + len(played.rewards)))
            assert ended.fitness[last, lane] == played.fitness
            assert ended.length[last, lane] == len(played.rewards)
            assert ended.success[last, lane] == played.success
            assert ended.descriptor[last, lane, 0] == played.total
            levels_seen.add(level)
            begin = last + 1
        assert begin > 0, "an episode must end for this test to mean anything"
    assert levels_seen == {1, 2}, "a level of weight 0 must not be played"
    assert not ended.fitness[~ended.ended].any()


def test_an_agent_for_each_lane(engine: Engine) -> None:
    levels = Levels({"limit": GENOMES["limit"][jnp.array([1, 1])]}, LEVEL_KEYS[jnp.array([1, 1])])
    level = engine.build(levels)
    lanes = engine.enter(level, engine.reset(level, levels.key), KEY)
    table = LevelTable(level, jnp.ones(2))
    _, traced, ended = engine.advance(AGENTS[jnp.array([0, 3])], table, lanes, HORIZON, trace)
    for lane, agent in enumerate((0, 3)):
        played = play(agent, 1)
        assert traced[4][: len(played.rewards), lane].tolist() == played.rewards
        assert bool(ended.ended[len(played.rewards) - 1, lane])


def test_a_replay_is_the_episode_of_the_queue(engine: Engine) -> None:
    trajectory = engine.replay(AGENTS[1], LEVEL_KEYS[2], {"limit": GENOMES["limit"][2]})
    played = play(1, 2)
    assert trajectory.rewards.tolist() == played.rewards
    assert np.asarray(trajectory.actions).tolist() == played.actions
    assert trajectory.worlds.total.tolist() == [int(world.total) for world, _, _ in played.states[1:]]
