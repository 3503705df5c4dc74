"""Pictures of courses and episodes, in the colours by which gym's walker and the papers' figures are known.

A course is painted once as a long strip, finer than asked for; a frame is a cut of it with the robot on top, reduced.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from poet.envs.walker import constants as c
from poet.envs.walker.dynamics import pose
from poet.envs.walker.env import Walker
from poet.envs.walker.lidar import RANGE, RAYS
from poet.envs.walker.terrain import HEIGHT, PIT_DEPTH, SCALE, STEP, Terrain
from poet.types import PyTree

FINE = 2  # supersampling
VIEW = 20.0  # m across a frame, as in gym's window
BEHIND = 0.28  # share of a frame that lies behind the hull
BELOW, ABOVE = 2.2, 4.3  # m under and over the ground that belong in the picture: a pit, a walker and some sky
SMOOTH = 27  # cells over which the camera levels the ground

SKY, CLOUD = (215, 215, 255), (238, 238, 255)
SOIL, GRASS = (102, 153, 76), ((76, 224, 76), (76, 194, 76))
STONE, STONE_EDGE = (252, 252, 252), (150, 150, 150)
HULL, HULL_EDGE = (127, 102, 230), (76, 76, 128)
LEGS = (((178, 102, 153), (128, 76, 102)), ((128, 51, 102), (76, 26, 51)))  # each fill and edge
RAY, FLAG, INK = (244, 186, 208), (230, 51, 0), (50, 50, 50)


class _Canvas(NamedTuple):
    image: Image.Image
    left: float  # m, of the image's left edge
    top: float  # m
    scale: float  # pixels per metre

    def pixels(self, points: np.ndarray) -> list[tuple[float, float]]:
        return [((x - self.left) * self.scale, (self.top - y) * self.scale) for x, y in points]

    def polygon(self, points: np.ndarray, fill: tuple, edge: tuple | None = None) -> None:
        ImageDraw.Draw(self.image).polygon(self.pixels(points), fill, edge, width=self.thick(0.03))

    def line(self, points: np.ndarray, fill: tuple, width: float) -> None:
        ImageDraw.Draw(self.image).line(self.pixels(points), fill, self.thick(width))

    def thick(self, metres: float) -> int:
        return max(1, round(metres * self.scale))


_poses = jax.jit(jax.vmap(pose))
_start = jax.jit(lambda terrain: pose(Walker().reset(jax.random.key(0), terrain)[0]))


def draw_course(terrain: Terrain, width: int = 1600) -> UInt8[np.ndarray, "H W 3"]:
    """The whole course in one strip with the walker at its start; as high as it needs to be, undistorted."""
    strip = _paint(terrain, width * FINE / float(terrain.x[-1]), below=0.8)
    _draw_robot(strip, np.asarray(_start(terrain)))
    return np.asarray(strip.image.crop((0, 0, width * FINE, strip.image.height // FINE * FINE)).reduce(FINE))


def render(terrain: Terrain, worlds: PyTree, width: int = 640, height: int = 200) -> list[np.ndarray]:
    """A frame u8[H, W, 3] for each world of an episode, stacked along time; one that is not finite has no robot."""
    bodies = np.asarray(_poses(worlds))
    hull = bodies[:, 0, :2]
    rays = _rays(_surface(terrain), hull)
    strip = _paint(terrain, width * FINE / VIEW, below=BELOW)
    tall = height * FINE / strip.scale
    ground = np.convolve(np.pad(terrain.right, SMOOTH // 2, mode="edge"), np.full(SMOOTH, 1 / SMOOTH), "valid")
    frames, corner = [], (0.0, strip.top)
    for body, tips in zip(bodies, rays):
        x, y = body[0, :2]
        standing = np.isfinite(body).all()
        if standing:
            level = np.interp(x + (0.5 - BEHIND) * VIEW, terrain.x, ground)
            top = np.clip(level - BELOW + tall, y + 0.8, y - 1.2 + tall)
            corner = (np.clip(x - BEHIND * VIEW, 0.0, float(terrain.x[-1]) - VIEW), top)
        # Whole pixels of the final picture, so that what stands still looks the same in every frame.
        a, b = (round(v * strip.scale / FINE) * FINE for v in (corner[0] - strip.left, strip.top - corner[1]))
        b = max(0, min(b, strip.image.height - height * FINE))
        image = strip.image.crop((a, b, a + width * FINE, b + height * FINE))
        view = _Canvas(image, strip.left + a / strip.scale, strip.top - b / strip.scale, strip.scale)
        if standing:
            for tip in tips:
                view.line(np.array([[x, y], tip]), RAY, 0.04)
            _draw_robot(view, body)
        frames.append(np.asarray(image.reduce(FINE)))
    return frames


def _surface(terrain: Terrain) -> Float[np.ndarray, "K2 2"]:
    """The course as one line: both ends of every knot."""
    return np.stack([np.repeat(terrain.x, 2), np.stack(terrain[1:3], 1).reshape(-1)], 1).astype(float)


def _rays(surface: np.ndarray, hull: Float[np.ndarray, "T 2"]) -> Float[np.ndarray, "T R 2"]:
    """Where every second ray of the lidar ends; all ten would be most of what changes from frame to frame."""
    angle = 1.5 * np.arange(0, RAYS, 2) / RAYS
    way = np.stack([np.sin(angle), -np.cos(angle)], 1)
    to = surface - hull[:, None, None]  # T 1 2K 2
    side = way[:, None, 0] * to[..., 1] - way[:, None, 1] * to[..., 0]
    along = (way[:, None] * to).sum(-1)
    a, b = side[..., :-1], side[..., 1:]
    crossed = (a < 0) != (b < 0)
    hit = (along[..., :-1] * b - along[..., 1:] * a) / np.where(crossed, b - a, 1)
    reach = np.where(crossed & (hit >= 0), hit, RANGE).min(-1, initial=RANGE)
    return hull[:, None] + reach[..., None] * way


def _draw_robot(canvas: _Canvas, bodies: Float[np.ndarray, "5 3"]) -> None:
    for body in (1, 2, 3, 4, 0):  # the hull is in front
        x, y, angle = bodies[body]
        if body == 0:
            shape, (fill, edge) = c.HULL, (HULL, HULL_EDGE)
        else:
            w, h = c.HALF_WIDTH[(body - 1) % 2], c.LENGTH / 2
            shape, (fill, edge) = np.array([(-w, h), (w, h), (w, -h), (-w, -h)]), LEGS[(body - 1) // 2]
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        canvas.polygon(shape @ turn.T + [x, y], fill, edge)


def _paint(terrain: Terrain, scale: float, below: float) -> _Canvas:
    """Sky, ground, obstacles and flags of a course, down to `below` metres under its lowest place."""
    x, left, right = (np.asarray(a, float) for a in terrain[:3])
    low, high = min(right.min() - below, HEIGHT - BELOW), right.max() + ABOVE
    size = (round((x[-1] - x[0]) * scale), round((high - low) * scale))
    canvas = _Canvas(Image.new("RGB", size, SKY), x[0], high, scale)
    _paint_clouds(canvas, x, right)
    canvas.polygon(np.concatenate([_surface(terrain), [[x[-1], low], [x[0], low]]]), SOIL)
    for i in range(len(x) - 1):
        canvas.line(np.array([[x[i], right[i]], [x[i + 1], left[i + 1]]]), GRASS[i % 2], 0.09)
    for box in _boxes(x, left, right):
        canvas.polygon(box, STONE, STONE_EDGE)
    for at, colour in ((3 * STEP, FLAG), (c.FINISH, INK)):
        foot = np.interp(at, x, right)
        canvas.line(np.array([[at, foot], [at, foot + 50 / SCALE]]), INK, 0.04)
        flag = np.array([[0, 50], [0, 40], [25, 45]]) / SCALE + [at, foot]
        canvas.polygon(flag, colour, INK)
    return canvas


def _boxes(x: np.ndarray, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    """The blocks that the original builds obstacles of: stumps, and the two walls of each pit."""
    wall = right - left
    deep = PIT_DEPTH * STEP - 1e-3
    boxes = []
    for i in np.flatnonzero(np.abs(wall) > 1e-4):
        if wall[i] > 0 and i + 1 < len(x) and wall[i + 1] < 0 and x[i + 1] - x[i] < 1.01 * STEP:
            boxes.append((x[i], x[i + 1], min(left[i], right[i + 1]), right[i]))
        elif wall[i] < -deep and i > 0 and wall[i - 1] <= 0:
            boxes.append((x[i - 1], x[i], right[i], left[i]))
        elif wall[i] > deep and i + 1 < len(x):
            boxes.append((x[i], x[i + 1], left[i], right[i]))
    return [np.array([(a, low), (b, low), (b, high), (a, high)]) for a, b, low, high in boxes]


def _paint_clouds(canvas: _Canvas, x: np.ndarray, right: np.ndarray) -> None:
    """The same ten for every course, at the height of its ground."""
    chance = np.random.default_rng(0)
    ring = np.linspace(0, 2 * np.pi, 24)
    for middle in np.linspace(4, x[-1] - 4, 10) + chance.uniform(-3, 3, 10):
        base = np.interp(middle, x, right) + chance.uniform(2.9, 3.6)
        for shift, size in ((-1.1, 0.7), (0, 1.0), (1.2, 0.6)):
            puff = np.stack([middle + shift + 1.3 * size * np.cos(ring), base + 0.45 * size * np.sin(ring)], 1)
            canvas.polygon(puff, CLOUD)
