import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.maze.env import MAX_EFFORT, Maze
from poet.envs.maze.genome import GOAL_RADIUS, HARD_MAZE_WALLS, ROBOT_RADIUS, SENSOR_RANGE, START
from poet.envs.maze.paths import shortest_paths
from tests.envs.maze.robot import KEY, follow_path, make_maze, run_actions, scan_actions, start_episode

MAZE = Maze()
HARD = make_maze(*HARD_MAZE_WALLS)
FULL, LEFT = [1.0, 1.0], [-1.0, 1.0]


def room(x: float, y: float, heading: float, *walls: tuple):  # type: ignore[no-untyped-def]
    return make_maze(*walls, start=(x, y, heading), goal=(0.9, 0.9))


def wall_distance(walls: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Distance of points [T, 2] to the nearest of walls [W, 4] and sides of the room, in NumPy."""
    a, b = walls[:, :2], walls[:, 2:]
    share = np.clip(((at[:, None] - a) * (b - a)).sum(-1) / ((b - a) ** 2).sum(-1), 0, 1)
    inner = np.linalg.norm(at[:, None] - a - share[..., None] * (b - a), axis=-1).min(1)
    return np.minimum(inner, np.minimum(at, 1 - at).min(1))


def test_wheels() -> None:
    steps = run_actions(MAZE, room(0.5, 0.5, 0.25), [FULL, FULL, [0.5, 0.5], [-1, -1], LEFT, [7, 7]])
    np.testing.assert_allclose(steps.world.x[:5], 0.5, atol=1e-6)
    np.testing.assert_allclose((steps.world.y - 0.5) * 600, [1, 2, 2.5, 1.5, 1.5, 1.5 + np.cos(0.1)], atol=2e-3)
    # full speed against each other: 2 px over an axle of 20 px is a tenth of a radian
    np.testing.assert_allclose(steps.world.heading, [0.25] * 4 + [0.25 + 0.1 / (2 * np.pi)] * 2, atol=1e-6)
    assert steps.world.time.tolist() == [1, 2, 3, 4, 5, 6]
    fast = run_actions(Maze(speed=8.0), room(0.5, 0.5, 0.25), [FULL])
    assert float(fast.world.y[0] - 0.5) * 600 == pytest.approx(8, abs=1e-3)


def test_a_wall_cannot_be_passed() -> None:
    steps = run_actions(MAZE, room(0.3, 0.5, 0.0, (0.5, 0.3, 0.5, 0.7)), [FULL] * 400)
    assert 0.5 - ROBOT_RADIUS - 1 / 600 <= float(steps.world.x[-1]) <= 0.5 - ROBOT_RADIUS
    assert steps.obs[-1, 3:].tolist() == [1, 1], "straight ahead is left and right"
    assert float(steps.obs[-1, 1]) == pytest.approx((0.5 - float(steps.world.x[-1])) / SENSOR_RANGE, abs=1e-5)
    assert steps.obs[:50, 3:].max() == 0
    for heading in (0.0, 0.25, 0.5, 0.75):
        steps = run_actions(Maze(speed=10.0), room(0.5, 0.5, heading), [FULL] * 99)
        at = np.asarray(MAZE.descriptor(None, steps.world))  # type: ignore[arg-type]
        assert 0.5 - 2.1 * ROBOT_RADIUS <= np.abs(at - 0.5).max() <= 0.5 - ROBOT_RADIUS


@pytest.mark.parametrize(("heading", "sides"), [(0.06, [0, 1]), (-0.06, [1, 0])])
def test_bumpers_report_the_side(heading: float, sides: list) -> None:
    steps = run_actions(MAZE, room(0.45, 0.5, heading, (0.5, 0.1, 0.5, 0.9)), [FULL] * 99)
    assert steps.obs[-1, 3:].tolist() == sides
    back = run_actions(MAZE, room(0.45, 0.5, heading + 0.5, (0.5, 0.1, 0.5, 0.9)), [[-1, -1]] * 99)
    assert back.obs[-1, 3:].tolist() == [0, 0], "the robot has no rear bumpers"
    assert float(back.world.x[-1]) == pytest.approx(float(back.world.x[-9]), abs=1e-7)


def test_a_robot_at_a_wall_can_turn() -> None:
    steps = run_actions(MAZE, room(0.45, 0.5, 0.0, (0.5, 0.1, 0.5, 0.9)), [FULL] * 99 + [LEFT] * 31 + [FULL] * 60)
    assert steps.obs[98, 3:].tolist() == [1, 1]
    assert float(steps.world.x[-1]) < 0.4


@pytest.mark.ci
def test_no_robot_passes_a_wall() -> None:
    """Robots move at random at ten times the speed; all positions and the lines between them are free."""
    rng = np.random.default_rng(0)
    drift = rng.uniform(-0.5, 1, (64, 1, 2))
    actions = np.clip(drift + rng.normal(scale=0.7, size=(64, 500, 2)).repeat(4, 1), -1, 1).astype(np.float32)
    env = Maze(speed=10.0)
    steps = jax.vmap(lambda actions: scan_actions(env, HARD, actions))(actions)
    track = np.stack([steps.world.x, steps.world.y], -1).astype(np.float64)
    start = np.broadcast_to(START[:2].astype(np.float64), (64, 1, 2))
    track = np.concatenate([start, track], axis=1)
    assert wall_distance(HARD_MAZE_WALLS.astype(np.float64), track.reshape(-1, 2)).min() > ROBOT_RADIUS - 1e-6
    a, b = track[:, :-1, None], track[:, 1:, None]
    c, d = HARD_MAZE_WALLS[:, :2].astype(np.float64), HARD_MAZE_WALLS[:, 2:].astype(np.float64)

    def side(p, q, r):  # type: ignore[no-untyped-def]
        return (q - p)[..., 0] * (r - p)[..., 1] - (q - p)[..., 1] * (r - p)[..., 0]

    crossed = (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
    assert not crossed.any()
    assert (steps.obs[..., 3:].max(axis=(0, 1)) == 1).all()
    assert len(np.unique(np.floor(10 * track.reshape(-1, 2)), axis=0)) > 40, "the robots must reach many places"


def test_range_finders_against_points_along_the_rays() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        walls = rng.uniform(0, 1, (6, 4)).astype(np.float32)
        x, y, heading = rng.uniform(0.02, 0.98, 3)
        obs = start_episode(MAZE, room(x, y, heading, *walls))[2]
        far = np.linspace(0, SENSOR_RANGE, 20_001)
        for seen, turns in zip(obs[:3], (0.125, 0, -0.125)):
            angle = 2 * np.pi * (heading + turns)
            points = np.stack([x + far * np.cos(angle), y + far * np.sin(angle)], 1)
            hit = np.flatnonzero(wall_distance(walls.astype(np.float64), points) < SENSOR_RANGE / 20_000)
            outside = np.flatnonzero((np.minimum(points, 1 - points) < 0).any(1))
            first = min([*hit[:1], *outside[:1], 20_000])
            assert float(seen) == pytest.approx(first / 20_000, abs=0.002)


def test_range_finders_by_hand() -> None:
    np.testing.assert_allclose(start_episode(MAZE, room(0.5, 0.5, 0.3))[2], [1, 1, 1, 0, 0])
    obs = start_episode(MAZE, room(0.95, 0.5, 0.0))[2]
    np.testing.assert_allclose(obs[:3], np.array([2**0.5, 1, 2**0.5]) * 0.05 / SENSOR_RANGE, atol=1e-5)
    one = start_episode(MAZE, room(0.5, 0.5, 0.0, (0.5, 0.55, 0.6, 0.55)))[2]
    np.testing.assert_allclose(one[:3], [2**0.5 * 0.05 / SENSOR_RANGE, 1, 1], atol=1e-5)


def test_only_the_hard_maze_blocks_the_straight_line_to_the_goal() -> None:
    up = [FULL] * 2000
    hard, free = (run_actions(MAZE, make_maze(*walls, start=(0.1, 0.25, 0.25)), up) for walls in (HARD_MAZE_WALLS, ()))
    assert not hard.terminated.any()
    assert float(hard.world.y[-1]) < 0.52
    assert not float(MAZE.success(None, jax.tree.map(lambda leaf: leaf[-1], hard.world)))  # type: ignore[arg-type]
    end = int(np.flatnonzero(free.terminated)[0])
    last = jax.tree.map(lambda leaf: leaf[end], free.world)
    assert float(MAZE.success(None, last)) == 1  # type: ignore[arg-type]
    assert end == pytest.approx((0.65 - GOAL_RADIUS) * 600, abs=2)
    effort = MAX_EFFORT * (end + 1) / 2000
    assert float(free.reward[: end + 1].sum()) == pytest.approx(100 - effort, abs=0.01)


@pytest.mark.ci
def test_the_hard_maze_is_deceptive() -> None:
    """Right below the goal, the straight distance is small, but the path from there is longer than from the start."""
    paths = shortest_paths(HARD)
    below = (3, 27)  # x 0.09, y 0.69
    nearer = np.hypot(0.0875 - 0.1, 0.6875 - 0.9) - GOAL_RADIUS
    assert nearer < 0.25 * (0.65 - GOAL_RADIUS)
    assert float(paths.length[below]) > float(paths.start_length) > 2


@pytest.mark.ci
def test_the_robot_can_follow_the_shortest_path() -> None:
    steps = follow_path(MAZE, HARD, shortest_paths(HARD))
    assert steps[-1].terminated
    assert not steps[-1].truncated
    assert float(MAZE.success(None, steps[-1].world)) == 1  # type: ignore[arg-type]
    total = sum(float(step.reward) for step in steps)
    assert 100 - MAX_EFFORT < total < 100 - MAX_EFFORT / 2
    assert all(float(step.obs[3:].max()) == 0 for step in steps), "the robot touches no wall"


def test_not_finite_action_terminates_with_a_nan_reward() -> None:
    steps = run_actions(MAZE, HARD, [[jnp.nan, 1.0]])
    assert steps.terminated[0]
    assert jnp.isnan(steps.reward[0])


def test_truncation_and_declarations() -> None:
    env = Maze(horizon=3)
    assert run_actions(env, HARD, [FULL] * 4).truncated.tolist() == [False, False, True, True]
    assert env.interface.id == "maze-v1"
    level, world, _ = start_episode(env, HARD)
    np.testing.assert_allclose(env.descriptor(level, world), START[:2])
    assert env.build(KEY, HARD).walls.x.shape == (12 + 4,)
