"""Pictures of terrains and episodes, in the colours of gym's walker and of the papers' figures.

A terrain is painted once, as one wide picture at a higher resolution. A frame is a section of it with the robot drawn
on top, reduced to the final size.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from poet.envs.walker import constants as c
from poet.envs.walker.dynamics import pose
from poet.envs.walker.env import Walker
from poet.envs.walker.lidar import NUM_RAYS, RANGE
from poet.envs.walker.terrain import PIT_DEPTH, SCALE, START_HEIGHT, TERRAIN_STEP, Terrain
from poet.types import PyTree

SUPERSAMPLING = 2
FRAME_METRES = 20.0  # width of a frame, as in gym's window
SHARE_BEHIND = 0.28  # share of a frame's width that lies behind the hull
METRES_BELOW, METRES_ABOVE = 2.2, 4.3  # shown below and above the ground: a pit, and a walker with some sky
SMOOTHING_KNOTS = 27  # over which the camera's height averages the ground

SKY, CLOUD = (215, 215, 255), (238, 238, 255)
SOIL, GRASS = (102, 153, 76), ((76, 224, 76), (76, 194, 76))
STONE, STONE_EDGE = (252, 252, 252), (150, 150, 150)
HULL, HULL_EDGE = (127, 102, 230), (76, 76, 128)
LEGS = (((178, 102, 153), (128, 76, 102)), ((128, 51, 102), (76, 26, 51)))  # fill and edge of each leg
RAY, START_FLAG, FINISH_FLAG = (244, 186, 208), (230, 51, 0), (50, 50, 50)
FLAG_POLE = FINISH_FLAG


class _Canvas(NamedTuple):
    image: Image.Image
    left: float  # m, x of the image's left edge
    top: float  # m, y of the image's upper edge
    scale: float  # pixels per metre

    def to_pixels(self, points: np.ndarray) -> list[tuple[float, float]]:
        return [((x - self.left) * self.scale, (self.top - y) * self.scale) for x, y in points]

    def polygon(self, points: np.ndarray, fill: tuple, edge: tuple | None = None) -> None:
        ImageDraw.Draw(self.image).polygon(self.to_pixels(points), fill, edge, width=self.line_width(0.03))

    def line(self, points: np.ndarray, fill: tuple, width: float) -> None:
        ImageDraw.Draw(self.image).line(self.to_pixels(points), fill, self.line_width(width))

    def line_width(self, metres: float) -> int:
        return max(1, round(metres * self.scale))


_poses = jax.jit(jax.vmap(pose))
_start_pose = jax.jit(lambda terrain: pose(Walker().reset(jax.random.key(0), terrain)[0]))


def draw_level(terrain: Terrain, width: int = 1600) -> UInt8[np.ndarray, "H W 3"]:
    """The whole terrain with the walker at the start, to scale; the height of the picture depends on the terrain."""
    canvas = _paint(terrain, width * SUPERSAMPLING / float(terrain.x[-1]), below=0.8)
    _draw_robot(canvas, np.asarray(_start_pose(terrain)))
    height = canvas.image.height // SUPERSAMPLING * SUPERSAMPLING
    return np.asarray(canvas.image.crop((0, 0, width * SUPERSAMPLING, height)).reduce(SUPERSAMPLING))


def render(terrain: Terrain, worlds: PyTree, width: int = 640, height: int = 200) -> list[np.ndarray]:
    """A frame u8[H, W, 3] for each world [T, ...] of an episode; a frame of a world that is not finite has no robot."""
    poses = np.asarray(_poses(worlds))
    ray_ends = _ray_ends(_surface(terrain), poses[:, 0, :2])
    canvas = _paint(terrain, width * SUPERSAMPLING / FRAME_METRES, below=METRES_BELOW)
    frame_height = height * SUPERSAMPLING / canvas.scale
    padded = np.pad(terrain.right, SMOOTHING_KNOTS // 2, mode="edge")
    smooth_ground = np.convolve(padded, np.full(SMOOTHING_KNOTS, 1 / SMOOTHING_KNOTS), "valid")
    frames, corner = [], (0.0, canvas.top)
    for bodies, ends in zip(poses, ray_ends):
        x, y = bodies[0, :2]
        finite = np.isfinite(bodies).all()
        if finite:
            ground = np.interp(x + (0.5 - SHARE_BEHIND) * FRAME_METRES, terrain.x, smooth_ground)
            top = np.clip(ground - METRES_BELOW + frame_height, y + 0.8, y - 1.2 + frame_height)
            corner = (np.clip(x - SHARE_BEHIND * FRAME_METRES, 0.0, float(terrain.x[-1]) - FRAME_METRES), top)
        # Frames start at whole pixels of the final picture, so that what does not move looks equal in every frame.
        offset = (corner[0] - canvas.left, canvas.top - corner[1])
        a, b = (round(v * canvas.scale / SUPERSAMPLING) * SUPERSAMPLING for v in offset)
        b = max(0, min(b, canvas.image.height - height * SUPERSAMPLING))
        image = canvas.image.crop((a, b, a + width * SUPERSAMPLING, b + height * SUPERSAMPLING))
        frame = _Canvas(image, canvas.left + a / canvas.scale, canvas.top - b / canvas.scale, canvas.scale)
        if finite:
            for end in ends:
                frame.line(np.array([[x, y], end]), RAY, 0.04)
            _draw_robot(frame, bodies)
        frames.append(np.asarray(image.reduce(SUPERSAMPLING)))
    return frames


def _surface(terrain: Terrain) -> Float[np.ndarray, "K2 2"]:
    """The terrain as one line through both ends of every knot."""
    return np.stack([np.repeat(terrain.x, 2), np.stack(terrain[1:3], 1).reshape(-1)], 1).astype(float)


def _ray_ends(surface: np.ndarray, hull: Float[np.ndarray, "T 2"]) -> Float[np.ndarray, "T R 2"]:
    """Ends of every second lidar ray; with all ten rays, videos would be much larger."""
    angles = 1.5 * np.arange(0, NUM_RAYS, 2) / NUM_RAYS
    directions = np.stack([np.sin(angles), -np.cos(angles)], 1)
    offset = surface - hull[:, None, None]  # [T, 1, 2K, 2]
    side = directions[:, None, 0] * offset[..., 1] - directions[:, None, 1] * offset[..., 0]
    along = (directions[:, None] * offset).sum(-1)
    a, b = side[..., :-1], side[..., 1:]
    crossed = (a < 0) != (b < 0)
    hit = (along[..., :-1] * b - along[..., 1:] * a) / np.where(crossed, b - a, 1)
    length = np.where(crossed & (hit >= 0), hit, RANGE).min(-1, initial=RANGE)
    return hull[:, None] + length[..., None] * directions


def _draw_robot(canvas: _Canvas, bodies: Float[np.ndarray, "5 3"]) -> None:
    for body in (1, 2, 3, 4, 0):  # the hull is in front
        x, y, angle = bodies[body]
        if body == 0:
            shape, (fill, edge) = c.HULL_VERTICES, (HULL, HULL_EDGE)
        else:
            w, h = c.LEG_HALF_WIDTHS[(body - 1) % 2], c.LEG_LENGTH / 2
            shape, (fill, edge) = np.array([(-w, h), (w, h), (w, -h), (-w, -h)]), LEGS[(body - 1) // 2]
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        canvas.polygon(shape @ rotation.T + [x, y], fill, edge)


def _paint(terrain: Terrain, scale: float, below: float) -> _Canvas:
    """Sky, ground, obstacles and flags, down to `below` metres under the lowest point of the terrain."""
    x, left, right = (np.asarray(a, float) for a in terrain[:3])
    low, high = min(right.min() - below, START_HEIGHT - METRES_BELOW), right.max() + METRES_ABOVE
    size = (round((x[-1] - x[0]) * scale), round((high - low) * scale))
    canvas = _Canvas(Image.new("RGB", size, SKY), x[0], high, scale)
    _paint_clouds(canvas, x, right)
    canvas.polygon(np.concatenate([_surface(terrain), [[x[-1], low], [x[0], low]]]), SOIL)
    for i in range(len(x) - 1):
        canvas.line(np.array([[x[i], right[i]], [x[i + 1], left[i + 1]]]), GRASS[i % 2], 0.09)
    for box in _boxes(x, left, right):
        canvas.polygon(box, STONE, STONE_EDGE)
    for flag_x, colour in ((3 * TERRAIN_STEP, START_FLAG), (c.FINISH_X, FINISH_FLAG)):
        ground = np.interp(flag_x, x, right)
        canvas.line(np.array([[flag_x, ground], [flag_x, ground + 50 / SCALE]]), FLAG_POLE, 0.04)
        flag = np.array([[0, 50], [0, 40], [25, 45]]) / SCALE + [flag_x, ground]
        canvas.polygon(flag, colour, FLAG_POLE)
    return canvas


def _boxes(x: np.ndarray, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    """The blocks of which the original builds obstacles: stumps, and the two walls of each pit."""
    wall = right - left
    pit_wall = PIT_DEPTH * TERRAIN_STEP - 1e-3
    boxes = []
    for i in np.flatnonzero(np.abs(wall) > 1e-4):
        if wall[i] > 0 and i + 1 < len(x) and wall[i + 1] < 0 and x[i + 1] - x[i] < 1.01 * TERRAIN_STEP:
            boxes.append((x[i], x[i + 1], min(left[i], right[i + 1]), right[i]))
        elif wall[i] < -pit_wall and i > 0 and wall[i - 1] <= 0:
            boxes.append((x[i - 1], x[i], right[i], left[i]))
        elif wall[i] > pit_wall and i + 1 < len(x):
            boxes.append((x[i], x[i + 1], left[i], right[i]))
    return [np.array([(a, low), (b, low), (b, high), (a, high)]) for a, b, low, high in boxes]


def _paint_clouds(canvas: _Canvas, x: np.ndarray, right: np.ndarray) -> None:
    """Ten clouds at the same places in every picture, at a height that follows the ground."""
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 24)
    for middle in np.linspace(4, x[-1] - 4, 10) + rng.uniform(-3, 3, 10):
        base = np.interp(middle, x, right) + rng.uniform(2.9, 3.6)
        for shift, size in ((-1.1, 0.7), (0, 1.0), (1.2, 0.6)):
            ellipse = np.stack([middle + shift + 1.3 * size * np.cos(angles), base + 0.45 * size * np.sin(angles)], 1)
            canvas.polygon(ellipse, CLOUD)
