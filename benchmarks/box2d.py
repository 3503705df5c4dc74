"""Box2D as a reference for the walker: gym's BipedalWalker on our terrains, and the error of our step.

Method: set our walker to each state of a recorded walk in Box2D, apply the same recorded actions open loop, and compare
both after some steps. Long trajectories cannot be compared, since contacts are chaotic.
"""

from typing import Any, NamedTuple

import jax
import numpy as np
from gymnasium.envs.box2d.bipedal_walker import BipedalWalker, BipedalWalkerHeuristics

from poet.envs.walker import constants as c
from poet.envs.walker.dynamics import pose
from poet.envs.walker.env import Walker, World, update_derived
from poet.envs.walker.terrain import NUM_KNOTS, TERRAIN_STEP, Terrain


class CourseWalker(BipedalWalker):
    """Gym's walker on one of our terrains: edges as in the original, and boxes where the terrain has a wall."""

    def __init__(self, terrain: Terrain, x: float | None = None, render_mode: str | None = None) -> None:
        super().__init__(render_mode=render_mode)
        self.level = Terrain(*(np.asarray(v, np.float64) for v in terrain))
        self.start_x = x

    def _generate_terrain(self, hardcore: bool) -> None:
        x, left, right, _ = self.level
        self.terrain, self.terrain_poly = [], []
        for i in range(NUM_KNOTS - 1):
            a, b = (x[i], right[i]), (x[i + 1], left[i + 1])
            if b[0] - a[0] < 1e-3:
                continue
            foot = [v for v, top in ((left[i], a[1]), (right[i + 1], b[1])) if v < top - 1e-6]
            if foot:
                self.fd_polygon.shape.vertices = [a, b, (b[0], min(foot)), (a[0], min(foot))]
                body = self.world.CreateStaticBody(fixtures=self.fd_polygon)
            else:
                self.fd_edge.shape.vertices = [a, b]
                body = self.world.CreateStaticBody(fixtures=self.fd_edge)
            body.color1 = body.color2 = (90, 140, 90)
            self.terrain.append(body)
            self.terrain_poly.append(([a, b, (b[0], -10), (a[0], -10)], (140, 190, 140)))
        self.terrain.reverse()

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        """As in gym; then the walker is put at `x`."""
        obs, info = super().reset(seed=seed, options=options)
        for _ in range(3):  # until its joints are closed
            obs = self.step(np.zeros(4))[0]
        if self.start_x is not None:
            x, left, right, _ = self.level
            near = np.abs(x - self.start_x) < 0.8
            lift = np.maximum(left, right)[near].max() - right[0] + 0.05
            for body in (self.hull, *self.legs):
                body.position += (self.start_x - 10 * TERRAIN_STEP, float(lift))
                body.linearVelocity, body.angularVelocity = (0, 0), 0
            self.game_over, self.prev_shaping = False, None
            obs = self.step(np.zeros(4))[0]
        return obs, info


class Walk(NamedTuple):
    """A recorded walk: the state before each action, the action, and the observation after it."""

    centre: np.ndarray  # [T, 5, 2], m, centres of mass of the bodies
    angle: np.ndarray  # [T, 5], rad
    velocity: np.ndarray  # [T, 5, 2], m/s
    spin: np.ndarray  # [T, 5], rad/s
    contact: np.ndarray  # [T, 2]
    action: np.ndarray  # [T, 4]
    obs: np.ndarray  # [T, 24]


def read_state(env: Any) -> tuple[np.ndarray, ...]:
    """Centres, angles, velocities, angular velocities and contact flags of the bodies."""
    bodies = [env.hull, *env.legs]
    return (
        np.array([tuple(b.worldCenter) for b in bodies]),
        np.array([b.angle for b in bodies]),
        np.array([tuple(b.linearVelocity) for b in bodies]),
        np.array([b.angularVelocity for b in bodies]),
        np.array([env.legs[1].ground_contact, env.legs[3].ground_contact]),
    )


def walk(env: CourseWalker, seed: int, steps: int, noise: float) -> Walk | None:
    """Walk with gym's heuristic gait, with slowly changing noise on the actions, until the walker falls."""
    rng = np.random.default_rng(seed)
    gait, rows, disturbance = BipedalWalkerHeuristics(), [], np.zeros(4)
    obs, _ = env.reset(seed=seed)
    for _ in range(steps):
        disturbance = 0.9 * disturbance + 0.44 * noise * rng.standard_normal(4)
        action = np.clip(gait.step_heuristic(obs) + disturbance, -1, 1).astype(np.float32)
        before = read_state(env)
        obs, _, done, _, _ = env.step(action)
        if done:
            break
        rows.append((*before, action, obs))
    return Walk(*(np.stack(v) for v in zip(*rows))) if rows else None


class Errors(NamedTuple):
    """Errors of our simulation after k steps for S starts, and data to examine single cases."""

    x: np.ndarray  # m, hull
    y: np.ndarray  # m, hull
    angle: np.ndarray  # rad, hull
    joint: np.ndarray  # rad, largest of the four
    obs: np.ndarray  # [S, 24]
    start: np.ndarray  # index into the walk
    ours: np.ndarray  # [S, 5, 3], our pose after the steps


def world_of(terrain: Terrain, record: Walk, t: int) -> World:
    """Our world in the state of Box2D before step t."""
    com, velocity = (c.MASSES @ v[t] / c.TOTAL_MASS for v in (record.centre, record.velocity))
    floats = (com, record.angle[t], velocity, record.spin[t], record.angle[t - 1])
    return _world(terrain, *(np.float32(v) for v in floats))


@jax.jit
def _world(terrain: Terrain, *motion: jax.Array) -> World:
    world, _ = Walker().reset(jax.random.key(0), terrain)
    return update_derived(terrain, World(*motion, *world[5:]))


def hull_origin(centre: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """The hull's origin, from its centre of mass [..., 2]."""
    cx, cy = c.HULL_CENTRE
    cos, sin = np.cos(angle), np.sin(angle)
    return centre - np.stack([cos * cx - sin * cy, sin * cx + cos * cy], axis=-1)


class Oracle:
    """Compares a walker with recorded walks; compiles once per number of steps."""

    def __init__(self, walker: Walker, lanes: int = 256) -> None:
        self.lanes = lanes

        def follow(level: Terrain, world: World, actions: jax.Array):
            def one(world: World, action: jax.Array):
                result = walker.step(jax.random.key(0), level, world, action)
                return result.world, (pose(result.world), result.obs)

            return jax.lax.scan(one, world, actions)[1]

        self._follow = jax.jit(jax.vmap(follow, (None, 0, 0)))

    def compare(self, terrain: Terrain, record: Walk, steps: tuple[int, ...], every: int = 1) -> dict[int, Errors]:
        """Errors after each of these numbers of steps, from every `every`-th state of the walk."""
        longest, last = max(steps), len(record.action)
        starts = np.arange(2, last - longest, every)
        errors: dict[int, list] = {k: [] for k in steps}
        for first in range(0, len(starts), self.lanes):
            block = starts[first : first + self.lanes]
            padded = np.resize(block, self.lanes)
            worlds = jax.tree.map(lambda *v: np.stack(v), *(world_of(terrain, record, int(t)) for t in padded))
            actions = np.stack([record.action[t : t + longest] for t in padded])
            poses, obs = (np.asarray(v)[: len(block)] for v in self._follow(terrain, worlds, actions))
            for k in steps:
                ours, end = poses[:, k - 1], block + k
                hull = hull_origin(record.centre[end, 0], record.angle[end, 0])
                joint = (ours[:, c.JOINT_CHILDREN, 2] - ours[:, c.JOINT_PARENTS, 2]) - (
                    record.angle[end][:, c.JOINT_CHILDREN] - record.angle[end][:, c.JOINT_PARENTS]
                )
                errors[k].append(
                    Errors(
                        np.abs(ours[:, 0, 0] - hull[:, 0]),
                        np.abs(ours[:, 0, 1] - hull[:, 1]),
                        np.abs(ours[:, 0, 2] - record.angle[end, 0]),
                        np.abs(joint).max(1),
                        np.abs(obs[:, k - 1] - record.obs[end - 1]),
                        block,
                        ours,
                    )
                )
        return {k: Errors(*(np.concatenate(v) for v in zip(*parts))) for k, parts in errors.items() if parts}
