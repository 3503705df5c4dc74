"""The walker's step: invariants on all terrains, and each part against a direct computation."""

import itertools
from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.base import Step
from poet.envs.walker import constants as c
from poet.envs.walker.contacts import find_contacts
from poet.envs.walker.dynamics import Motion, body_points, directions, kinetic_energy, pose, project_momentum
from poet.envs.walker.env import Walker, World, update_derived
from poet.envs.walker.genome import ObstacleGenome
from poet.envs.walker.lidar import KNOTS_AHEAD, RANGE, lidar_readings
from poet.envs.walker.solver import JOINT_ROWS, MAX_PENETRATION, STAGES, assemble_system, joint_angles, solve_velocities
from poet.envs.walker.terrain import Terrain
from poet.envs.walker.terrain_window import cut_window
from poet.errors import ConfigError

KINDS = {
    "flat": (0, (0, 0), (0, 0), (0, 0), 0),
    "rough": (100, (0, 0), (0, 0), (0, 0), 0),
    "pits": (0, (0, 20), (0, 0), (0, 0), 0),
    "stumps": (0, (0, 0), (0, 25), (0, 0), 0),
    "stairs": (0, (0, 0), (0, 0), (0, 25), 5),
    "everything": (100, (2, 20), (2, 25), (2, 25), 9),
}
LANES = 32
# Plays of LANES lanes each. Where legs get wedged, a few lanes have most of the deep contacts: the quantiles of one
# play depend on how the processor rounds, those of eight plays hardly do.
NUM_PLAYS = dict.fromkeys(KINDS, 8) | {"flat": 1, "rough": 1}
STARTS = np.linspace(5.0, 80.0, LANES)
walker = Walker()
build = jax.jit(walker.build)
reset = jax.jit(walker.reset)
key = jax.random.key(0)


def make(kind: str, seed: int = 0) -> Terrain:
    return build(key, ObstacleGenome(*(jnp.array(v, jnp.int32) for v in (*KINDS[kind], seed))))


def stack(trees, axis: int = 0):
    """Stack trees on the host, where nothing is compiled."""
    return jax.tree.map(lambda *leaves: np.stack(leaves, axis), *jax.device_get(list(trees)))


def lanes(tree):
    return jax.tree.map(lambda v: np.broadcast_to(v, (LANES, *v.shape)), jax.device_get(tree))


update_all = jax.jit(jax.vmap(update_derived))
energies = jax.jit(jax.vmap(kinetic_energy))
joints = jax.jit(jax.vmap(joint_angles))
traces = []


@jax.jit
def step(level: Terrain, world: World, action: jax.Array) -> Step:
    """LANES lanes."""
    traces.append(1)
    return jax.vmap(walker.step, (None, 0, 0, 0))(key, level, world, action)


@jax.jit
def restart_ended(done: Step, start: World) -> World:
    """The worlds after a step, with `start` where the episode has ended."""
    return jax.vmap(lambda over, *w: jax.tree.map(partial(jnp.where, over), *w))(done.terminated, start, done.world)


def place_at(level: Terrain, world: World, start_x: np.ndarray) -> World:
    """The worlds moved to start_x, f32[LANES], on the ground."""

    def ground(x: np.ndarray) -> np.ndarray:
        surface = np.maximum(level.left, level.right)
        return np.stack([np.interp(at, *line) for at, *line in zip(x, level.x, surface)])

    up = ground(start_x) - ground(world.com[:, 0])
    shift = np.stack([start_x - world.com[:, 0], up], axis=1)
    return update_all(level, world._replace(com=np.float32(world.com + shift)))


def play(level: Terrain, start: World, seed: int) -> Iterator[Step]:
    """300 steps of random actions; a lane whose episode ends starts again."""
    world, level = start, jax.device_put(level)
    for action in np.random.default_rng(seed).uniform(-1.5, 1.5, (300, LANES, 4)).astype(np.float32):
        done = step(level, world, action)
        yield done
        world = restart_ended(done, start)


@pytest.fixture(scope="module")
def played() -> dict[str, tuple[Terrain, World, Step]]:
    """Kind -> levels f32[LANES, ...], worlds and steps [LANES, 300, ...] of the first play."""
    found = {}
    for kind in KINDS:
        levels = [make(kind, seed) for seed in range(LANES)]
        level, world = stack(levels), stack(reset(key, level)[0] for level in levels)
        steps = stack(play(level, place_at(level, world, STARTS), 1), axis=1)
        found[kind] = level, steps.world, steps
    return found


def in_the_air(height: float = 20.0) -> World:
    """LANES walkers high above the start, at random angles and spins within the joints' limits."""
    world, _ = reset(key, make("flat"))
    rng = np.random.default_rng(0)
    joint = rng.uniform(c.JOINT_LOWER + 0.2, c.JOINT_UPPER - 0.2, (LANES, 4))
    hull = rng.uniform(-1, 1, LANES)
    hips = hull[:, None] + joint[:, :2] + c.JOINT_REFERENCES[:2]
    knees = hips + joint[:, 2:]
    angle = np.stack([hull, hips[:, 0], knees[:, 0], hips[:, 1], knees[:, 1]], axis=1).astype(np.float32)
    spin = rng.normal(0, 2, (LANES, 5)).astype(np.float32)
    world = lanes(world)
    com = world.com + np.float32([20.0, height])
    world = world._replace(com=com, velocity=np.zeros((LANES, 2), np.float32))
    return update_all(lanes(make("flat")), world._replace(angle=angle, spin=spin, spin_angle=angle))


def run(level: Terrain, world: World, actions: np.ndarray) -> list[Step]:
    found = []
    for action in actions:
        found.append(step(lanes(level), world, np.broadcast_to(np.float32(action), (LANES, 4))))
        world = found[-1].world
    return found


def motion_of(world: World) -> Motion:
    return Motion(*world[:5])


@pytest.mark.ci
@pytest.mark.parametrize("kind", KINDS)
def test_stays_finite_and_bounded_on_all_terrains(kind: str, played) -> None:
    _, worlds, steps = played[kind]
    assert all(np.isfinite(v).all() for v in jax.tree.leaves((worlds, steps)))
    assert np.abs(worlds.velocity).max() < 15
    assert np.abs(worlds.spin).max() < 60


@pytest.mark.ci
@pytest.mark.parametrize("kind", KINDS)
def test_legs_stay_out_of_the_ground(kind: str, played) -> None:
    level, first, _ = played[kind]
    gaps, times = [first.candidates.gap.min(axis=2).T], [first.time.T]  # [300, LANES]
    world = lanes(reset(key, make("flat"))[0])
    for i in range(1, NUM_PLAYS[kind]):
        start = place_at(level, world, np.roll(STARTS, i))
        gap, time = zip(*jax.device_get([(s.world.candidates.gap, s.world.time) for s in play(level, start, 1 + i)]))
        gaps.append(np.stack(gap).min(axis=2))
        times.append(np.stack(time))
    deepest = np.concatenate(gaps)[np.concatenate(times) > 20]  # a start may lie within an obstacle
    # A landing leg may sink in by MAX_PENETRATION for one step. A wedged, kicking leg rarely sinks in deeper, and then
    # by little more than the length of its lower part. The worst terrains over 3,200 lanes: the 2 % quantile is
    # -0.079, the 10 % quantile -0.029, the 0.1 % quantile -0.36.
    assert np.quantile(deepest, 0.02) > -1.05 * MAX_PENETRATION
    assert np.quantile(deepest, 0.1) > -0.04
    assert np.quantile(deepest, 0.001) > -0.5
    assert np.min(deepest) > -1.5


@pytest.mark.slow
def test_falls_freely() -> None:
    world = in_the_air()
    after = run(make("flat"), world, np.zeros((40, 4)))[-1].world
    time = 40 * c.DT
    np.testing.assert_allclose(after.com[:, 0], world.com[:, 0], atol=1e-4)
    np.testing.assert_allclose(after.com[:, 1] - world.com[:, 1], -5 * time * (time + c.DT), rtol=1e-4)
    np.testing.assert_allclose(after.velocity[:, 1], -c.GRAVITY * time, rtol=1e-5)


def angular_momentum(world: World) -> np.ndarray:
    def one(motion: Motion) -> jax.Array:
        inverse, _ = project_momentum(motion._replace(angle=motion.spin_angle), directions(motion.spin_angle))
        return jnp.linalg.solve(inverse, motion.spin).sum()

    return np.asarray(jax.vmap(one)(motion_of(world)))


@pytest.mark.slow
def test_angular_momentum_is_conserved_in_free_flight() -> None:
    world = in_the_air()
    after = run(make("flat"), world, np.zeros((40, 4)))[-1].world
    lost = np.abs(angular_momentum(after) - angular_momentum(world)) / np.abs(angular_momentum(world)).mean()
    assert np.median(lost) < 0.02
    assert lost.max() < 0.15


@pytest.mark.ci
def test_creates_no_energy() -> None:
    def rotation_energy(world: World) -> np.ndarray:
        return np.asarray(energies(motion_of(world._replace(velocity=np.zeros((LANES, 2), np.float32)))))

    world = in_the_air()
    before = rotation_energy(world)
    for done in run(make("flat"), world, np.zeros((60, 4))):
        after = rotation_energy(done.world)
        assert (after <= before * 1.0001 + 1e-6).all()
        before = after


@pytest.mark.slow
def test_landing_creates_no_energy() -> None:
    def total(world: World) -> np.ndarray:
        return np.asarray(energies(motion_of(world))) + c.TOTAL_MASS * c.GRAVITY * world.com[:, 1]

    world = in_the_air(height=4.0)
    begin, going, landed = total(world), np.ones(LANES, bool), np.zeros(LANES, bool)
    for done in run(make("rough"), world, np.zeros((70, 4))):
        going &= ~np.asarray(done.terminated)  # the hull, whose contact only ends the episode, falls through the ground
        assert (total(done.world) <= begin + 0.5)[going].all()
        landed |= done.world.foot_contact.any(1) & going
    assert landed.sum() > LANES / 2


@pytest.mark.ci
def test_motors_reach_their_speed_but_do_not_exceed_it() -> None:
    world = in_the_air()
    for done in run(make("flat"), world, np.array([[1, -1, -1, 1.0]] * 5)):
        joint = np.asarray(done.world.spin)[:, c.JOINT_CHILDREN] - np.asarray(done.world.spin)[:, c.JOINT_PARENTS]
        free = (done.obs[:, 4:8:2] > -0.7).all(1) & (done.obs[:, 9:13:2] > -0.5).all(1)
    # actions are hip 1, knee 1, hip 2, knee 2; joints hip 1, hip 2, knee 1, knee 2
    np.testing.assert_allclose(np.median(joint, axis=0), [4, -4, -6, 6], atol=0.05)
    assert free.any()


@pytest.mark.ci
def test_motors_do_not_exceed_their_torque() -> None:
    still = in_the_air()._replace(spin=jnp.zeros((LANES, 5)))
    weak, weaker = (run(make("flat"), still, np.full((1, 4), a))[0].world.spin for a in (2e-3, 1e-3))
    np.testing.assert_allclose(weak, 2 * weaker, rtol=2e-3, atol=1e-5)  # far from the target speed: full torque
    full, over = (run(make("flat"), still, np.full((1, 4), a))[0].world.spin for a in (1.0, 7.0))
    np.testing.assert_array_equal(full, over)


@pytest.mark.ci
@pytest.mark.parametrize("signs", [(1, 1, 1, 1), (-1, -1, -1, -1), (1, -1, -1, 1)])
def test_joint_limits_hold(signs: tuple[int, ...]) -> None:
    over = []
    for done in run(make("flat"), in_the_air(), np.array([signs] * 60, float)):
        joint = joints(done.world.angle)
        over.append(np.maximum(c.JOINT_LOWER - joint, joint - c.JOINT_UPPER).max(1))
    assert np.max(over) < 0.2  # a motor at full speed exceeds the limit by one step
    assert np.median(over[20:]) < c.ANGULAR_SLOP + 0.02


@pytest.mark.slow
def test_impulses_keep_their_bounds(played) -> None:
    level, worlds, _ = played["everything"]

    @jax.jit
    @jax.vmap
    def impulses(level: Terrain, world: World, action: jax.Array):
        t = directions(world.angle)
        points = body_points(world.com, t)
        inverse, spin = project_momentum(motion_of(world), t)
        contact = find_contacts(level, points, t)
        system = assemble_system(contact, t, points, inverse, world.velocity, spin)
        return contact, solve_velocities(10, system, joint_angles(world.angle), action, contact.gap), world.angle

    action = np.random.default_rng(2).uniform(-1, 1, (LANES, 4)).astype(np.float32)
    touched = 0
    for t in range(20, 300, 20):
        contact, impulse, angle = impulses(level, jax.tree.map(lambda v, t=t: v[:, t], worlds), action)
        halves = [np.split(np.asarray(impulse[:, rows]), 2, axis=1) for _, rows in STAGES]
        normal, friction = (np.concatenate(v, axis=1) for v in zip(*halves))
        touched += (normal > 0).sum()
        assert (normal >= 0).all()
        assert (np.abs(friction) <= c.FRICTION * normal + 1e-6).all()
        np.testing.assert_allclose(np.hypot(contact.nx, contact.ny)[normal > 0], 1, rtol=1e-4)
        joint = joints(angle)
        inside = (joint > c.JOINT_LOWER) & (joint < c.JOINT_UPPER)
        assert (np.abs(impulse[:, JOINT_ROWS])[inside] <= 80 * c.DT * np.abs(action)[inside] + 1e-5).all()
    assert touched > 50


def test_friction_slows_a_sliding_walker() -> None:
    """Friction slows down a walker that stands on flat ground and slides."""
    world, _ = reset(key, make("flat"))
    world = run(make("flat"), lanes(world), np.zeros((22, 4)))[-1].world
    sliding = world._replace(velocity=world.velocity + jnp.array([1.0, 0.0]))
    slowed = run(make("flat"), sliding, np.zeros((1, 4)))[0].world.velocity[:, 0]
    assert (slowed < 1.0 + world.velocity[:, 0] - 0.02).all()


def nearest_hits(terrain: Terrain, x: float, y: float) -> np.ndarray:
    """Shares of the range of all rays, computed for each ray and each line of the terrain."""
    corner = np.stack([np.repeat(terrain.x, 2), np.stack([terrain.left, terrain.right], 1).reshape(-1)], 1)
    found = np.ones(10)
    for i in range(10):
        d = RANGE * np.array([np.sin(0.15 * i), -np.cos(0.15 * i)])
        for a, b in itertools.pairwise(corner):
            matrix = np.array([d, a - b]).T
            if abs(np.linalg.det(matrix)) > 1e-9:
                t, s = np.linalg.solve(matrix, a - np.array([x, y]))
                if 0 <= t <= 1 and 0 <= s <= 1:
                    found[i] = min(found[i], t)
    return found


@pytest.mark.few(2)
@pytest.mark.parametrize("kind", KINDS)
def test_lidar_sees_the_nearest_hit(kind: str) -> None:
    terrain = make(kind, 3)
    read = jax.jit(lambda x, y: lidar_readings(cut_window(terrain, x, KNOTS_AHEAD), x, y))
    rng = np.random.default_rng(0)
    for x in (4.6, *rng.uniform(6, 88, 8)):
        # not at a knot, where the ray straight down is parallel to a wall
        y = np.interp(x, terrain.x, np.maximum(terrain.left, terrain.right)) + rng.uniform(0.5, 4)
        expected = nearest_hits(Terrain(*(np.asarray(v, np.float64) for v in terrain)), np.float32(x), np.float32(y))
        np.testing.assert_allclose(read(np.float32(x), np.float32(y)), expected, atol=2e-4)


def test_observation_and_reward_equal_those_of_the_original() -> None:
    level = make("rough", 1)
    world, obs = reset(key, level)
    action = np.array([0.3, -2.0, 0.0, 0.9], np.float32)
    done = run(level, lanes(world), action[None])[0]
    before, after = (np.asarray(jax.vmap(pose)(w))[0] for w in (lanes(world), done.world))
    gained = 130 / 30 * (after[0, 0] - before[0, 0]) - 5 * (abs(after[0, 2]) - abs(before[0, 2]))
    assert float(done.reward[0]) == pytest.approx(gained - 0.028 * (0.3 + 1 + 0 + 0.9), abs=1e-4)
    seen = np.asarray(done.obs[0])
    assert seen[0] == pytest.approx(after[0, 2])
    assert seen[1] == pytest.approx(float(done.world.spin[0, 0]) / 25, abs=1e-6)
    assert seen[4] == pytest.approx(after[1, 2] - after[0, 2] + 0.05, abs=1e-5)
    assert seen[9] == pytest.approx(after[3, 2] - after[0, 2] - 0.05, abs=1e-5)
    assert seen[6] == pytest.approx(after[2, 2] - after[1, 2] + 1, abs=1e-5)
    moved = np.float32(done.world.com[0] - world.com) / c.DT
    np.testing.assert_allclose(moved, done.world.velocity[0], atol=2e-2)
    assert obs.shape == (24,)
    assert set(np.unique(done.obs[:, [8, 13]])) <= {0.0, 1.0}


def test_contact_flags_of_a_standing_walker() -> None:
    world, obs = reset(key, make("flat"))
    assert not obs[8]
    done = run(make("flat"), lanes(world), np.zeros((22, 4)))[-1]
    assert done.obs[:, [8, 13]].all()


@pytest.mark.ci
def test_flags_and_contacts_belong_to_the_current_pose(played) -> None:
    """Flags that are one step late are not visible in pictures, but a gait that waits for them falls."""
    level, worlds, _ = played["everything"]
    world = jax.tree.map(lambda v: v[:, 150], worlds)
    again = update_all(level, world)
    np.testing.assert_array_equal(again.foot_contact, world.foot_contact)
    np.testing.assert_allclose(again.candidates.gap, world.candidates.gap, atol=1e-4)


def test_ends_of_an_episode() -> None:
    level = make("flat")
    world, _ = reset(key, level)
    x = pose(world)[0, 0]
    shifts = np.zeros((LANES, 2), np.float32)
    shifts[1, 0] = c.FINISH_X - x + 0.1
    shifts[2, 0] = -x - 0.1
    shifts[3, 1] = -1.9  # the hull's lower edge is 8/30 below its origin, which is 2.4 above the ground
    shifts[4, 1] = -2.2
    moved = lanes(world)
    moved = update_all(lanes(level), moved._replace(com=moved.com + shifts))
    done = step(lanes(level), moved, np.zeros((LANES, 4), np.float32))
    assert done.terminated[:5].tolist() == [False, True, True, False, True]
    assert (np.asarray(done.reward[:5]) == -100).tolist() == [False, False, True, False, True]
    success = jax.vmap(walker.success)(lanes(level), done.world)
    assert success[:5].tolist() == [0, 1, 0, 0, 0]
    assert not done.truncated.any()
    late = moved._replace(time=jnp.full(LANES, walker.horizon - 1, jnp.int32))
    assert step(lanes(level), late, np.zeros((LANES, 4), np.float32)).truncated.all()


@pytest.mark.ci
def test_the_hull_touches_a_stump_between_its_corners() -> None:
    level = make("flat")
    world, _ = reset(key, level)
    x, y = np.asarray(pose(world)[0, :2])
    knot = round(x / (14 / 30))
    raised = level._replace(right=level.right.at[knot].set(y - 0.1), left=level.left.at[knot + 1].set(y - 0.1))
    assert step(lanes(raised), lanes(world), np.zeros((LANES, 4), np.float32)).terminated.all()


@pytest.mark.ci
def test_results_are_equal_in_each_call_and_each_lane(played) -> None:
    level, worlds, _ = played["everything"]
    world = jax.tree.map(lambda v: v[:, 100], worlds)
    action = np.random.default_rng(2).uniform(-1, 1, (LANES, 4)).astype(np.float32)
    one, two = step(level, world, action), step(level, world, action)
    order = np.random.default_rng(0).permutation(LANES)
    moved = step(*jax.tree.map(lambda v: v[order], (level, world, action)))
    for a, b, m in zip(*(jax.tree.leaves(s) for s in (one, two, moved))):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(np.asarray(a)[order], m)


@pytest.mark.ci
def test_nan_stays_in_its_lane_and_ends_it(played) -> None:
    level, worlds, _ = played["everything"]
    world = jax.tree.map(lambda v: v[:, 100], worlds)
    action = np.random.default_rng(2).uniform(-1, 1, (LANES, 4)).astype(np.float32)
    bad = action.copy()
    bad[::4, 1] = np.nan
    good, broken = step(level, world, action), step(level, world, bad)
    for a, b in zip(jax.tree.leaves(good), jax.tree.leaves(broken)):
        others = np.arange(LANES) % 4 != 0
        np.testing.assert_array_equal(np.asarray(a)[others], np.asarray(b)[others])
    assert broken.terminated[::4].all()
    assert np.isnan(np.asarray(broken.reward)[::4]).all()


def test_the_push_is_small_and_horizontal() -> None:
    level = make("flat")._replace(push=jnp.float32(5.0))
    world, _ = reset(key, level)
    np.testing.assert_allclose(world.velocity, [5 * c.DT / c.TOTAL_MASS, 0], rtol=1e-5)


@pytest.mark.ci
def test_one_compiled_step_serves_all_terrains(played) -> None:
    world, _ = reset(key, make("flat"))
    for kind in KINDS:
        step(lanes(make(kind)), lanes(world), np.zeros((LANES, 4), np.float32))
    assert len(traces) == 1


@pytest.mark.parametrize("options", [{"sweeps": 0}, {"horizon": 0}, {"terrain": "unknown"}])
def test_bad_options_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError, match="walker"):
        Walker(**options)
