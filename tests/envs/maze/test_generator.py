import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.config import generators
from poet.envs.maze.genome import HARD_MAZE_WALLS, START
from poet.errors import ConfigError
from tests.envs.maze.robot import make_maze

GENERATOR = generators.make("maze")
HARD = GENERATOR.simplest()
check = jax.jit(GENERATOR.check)


@jax.jit
def mutate_all(genome, keys, strength):  # type: ignore[no-untyped-def]
    return jax.vmap(lambda key: GENERATOR.mutate(key, genome, strength))(keys)


KEYS = jax.random.split(jax.random.key(1), 400)


def count(walls) -> np.ndarray:  # type: ignore[no-untyped-def]
    return (np.asarray(walls) != 0).any(-1).sum(-1)


@pytest.mark.ci
def test_a_search_starts_at_the_hard_maze_or_in_an_open_room() -> None:
    np.testing.assert_array_equal(HARD.walls[:7], HARD_MAZE_WALLS)
    assert not HARD.walls[7:].any()
    assert GENERATOR.describe(HARD) == "7 walls (total length 2.89), path to the goal 2.23 (straight line 0.57)"
    np.testing.assert_allclose(GENERATOR.features(HARD)[:2], [7, 2.23], atol=0.01)
    empty = generators.make("maze", first_maze="open")
    assert not empty.simplest().walls.any()
    assert empty.describe(empty.simplest()) == "no walls, path to the goal 0.59 (straight line 0.57)"
    np.testing.assert_array_equal(empty.simplest().start, START)


@pytest.mark.ci
def test_mutation_moves_adds_and_removes_walls() -> None:
    children = mutate_all(HARD, KEYS, 1.0)
    num = count(children.walls)
    shares = [(num == n).mean() for n in (6, 7, 8)]
    np.testing.assert_allclose(shares, [0.25, 0.5, 0.25], atol=0.07)
    np.testing.assert_array_equal(children.start, np.broadcast_to(HARD.start, (400, 3)))
    moved = np.asarray(children.walls)[num == 7][:, :7]
    changed = np.abs(moved - HARD_MAZE_WALLS) > 0
    assert set(changed.any(-1).sum(-1)) == {1}, "one wall at a time"
    ends = changed.reshape(-1, 7, 2, 2).any(-1).sum((-1, -2))
    assert set(ends) == {1, 2}
    assert 0.35 < (ends == 1).mean() < 0.65
    assert 0.1 < np.abs(moved - HARD_MAZE_WALLS).max() <= 0.15 + 1e-6
    added = np.asarray(children.walls)[num == 8]
    np.testing.assert_array_equal(added[:, :7], np.broadcast_to(HARD_MAZE_WALLS, (len(added), 7, 4)))
    lengths = np.hypot(*(added[:, 7, 2:] - added[:, 7, :2]).T)
    assert 0.2 < np.median(lengths) < 0.35 < 0.45 < lengths.max() <= 0.5 + 1e-6


def test_strength_scales_shifts() -> None:
    still, far = (np.asarray(mutate_all(HARD, KEYS, s).walls) for s in (0.0, 3.0))
    seven = count(still) == 7
    np.testing.assert_array_equal(still[seven][:, :7], np.broadcast_to(HARD_MAZE_WALLS, (seven.sum(), 7, 4)))
    assert 0.3 < np.abs(far[seven][:, :7] - HARD_MAZE_WALLS).max() <= 0.45 + 1e-6
    assert far.min() >= 0
    assert far.max() <= 1


def test_an_open_room_gets_a_wall_and_a_full_room_no_more() -> None:
    assert set(count(mutate_all(make_maze(), KEYS, 1.0).walls)) == {1}
    rows = np.random.default_rng(0).uniform(0.1, 0.9, (12, 4))
    assert set(count(mutate_all(make_maze(*rows), KEYS, 1.0).walls)) == {11, 12}


@pytest.mark.ci
def test_children_of_the_hard_maze_are_mostly_valid() -> None:
    valid, reason = jax.vmap(check)(mutate_all(HARD, KEYS, 1.0))
    assert 0.8 < valid.mean() < 1
    assert set(np.asarray(reason)) <= {0, 2, 4}


@pytest.mark.parametrize(
    ("genome", "message"),
    [
        (make_maze((0.1, 0.1, 1.2, 0.5)), "within the room"),
        (make_maze(start=(0.5, jnp.nan, 0)), "within the room"),
        (make_maze(start=(0.5, 0.5, jnp.inf)), "within the room"),
        (make_maze((0.1, 0.24, 0.3, 0.24)), "too close to a wall"),
        (make_maze(start=(0.1, 0.85, 0)), "start is in the goal"),
        (make_maze((0.0, 0.5, 1.0, 0.5)), "no path leads to the goal"),
        (make_maze((0.0, 0.5, 0.9, 0.5)), "valid"),
    ],
)
def test_reasons(genome, message: str) -> None:  # type: ignore[no-untyped-def]
    valid, reason = check(genome)
    assert message in GENERATOR.reasons[int(reason)]
    assert bool(valid) == (message == "valid")


def test_json_is_short_and_exact() -> None:
    data = GENERATOR.to_json(HARD)
    assert data["walls"][1] == [0.14, 0.45, 0.0, 0.65]
    assert len(data["walls"]) == 7
    wild = make_maze((1 / 3, 0.1, np.pi / 4, 1e-7), start=(0.1, 0.2, -7 / 3))
    back = GENERATOR.from_json(json.loads(json.dumps(GENERATOR.to_json(wild))))
    for a, b in zip(wild, back):
        np.testing.assert_array_equal(a, b)
    assert GENERATOR.describe(make_maze((0.0, 0.5, 1.0, 0.5))) == "1 wall (total length 1.00), no path to the goal"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "walker"}, "expected a genome of 'maze' version 1"),
        ({"version": 2}, "expected a genome of 'maze' version 1"),
        ({"doors": []}, "must have the fields"),
        ({"walls": [[0, 0, 1, 1]] * 13}, "at most 12, .* increase max_walls"),
        ({"walls": [[0, 0, 1]]}, "a wall expects 4 finite numbers"),
        ({"walls": [[0, 0, 1, float("nan")]]}, "a wall expects 4 finite numbers"),
        ({"start": [0, 0]}, "start expects 3"),
        ({"goal": "there"}, "goal expects 2"),
    ],
)
def test_bad_json_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GENERATOR.from_json({**GENERATOR.to_json(HARD), **change})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first_maze": "easy"}, "first_maze expects 'hard' or 'open'"),
        ({"max_walls": 6}, "max_walls expects at least 7"),
        ({"max_walls": 0, "first_maze": "open"}, "max_walls expects at least 1"),
        ({"horizon": 0}, "horizon expects at least 1"),
        ({"speed": 0.0}, "speed expects more than 0"),
        ({"speed": 11.0}, "speed expects more than 0 and at most 10"),
    ],
)
def test_impossible_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        generators.make("maze", **options)


def test_options_reach_the_environment() -> None:
    env = generators.make("maze", horizon=50, speed=4.0).environment
    assert (env.interface.horizon, env.speed) == (50, 4.0)
    assert generators.make("maze", max_walls=20).simplest().walls.shape == (20, 4)
