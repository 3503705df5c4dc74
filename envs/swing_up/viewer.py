"""A cart with its pole from the side."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from poet.envs.swing_up.env import SwingUp

SUPERSAMPLING = 2
BACKGROUND, RAIL, CART, POLE = (250, 250, 248), (150, 163, 174), (0, 114, 178), (213, 94, 0)
VIEW = (5.4, 4.6)  # m, width and height of a picture; the longest rail and the longest pole fit in
CART_SIZE = (0.4, 0.2)  # m
MAX_MASS = 1.0  # kg, drawn as a pole of 0.16 m


def draw(genome: SwingUp, x: float, angle: float, width: int) -> UInt8[np.ndarray, "H W 3"]:
    """The cart at x (m), its pole at an angle (turns); without a cart where these are not finite."""
    scale = width * SUPERSAMPLING / VIEW[0]
    image = Image.new("RGB", (width * SUPERSAMPLING, round(VIEW[1] * scale)), BACKGROUND)
    pen = ImageDraw.Draw(image)

    def pixels(right: float, up: float) -> tuple[float, float]:
        return image.width / 2 + right * scale, image.height / 2 - up * scale

    def line(start: tuple[float, float], end: tuple[float, float], colour: tuple, size: float) -> None:
        pen.line([pixels(*start), pixels(*end)], colour, max(1, round(size * scale)))

    rail, length = float(genome.rail), float(genome.pole_length)
    line((-rail, 0), (rail, 0), RAIL, 0.03)
    for end in (-rail, rail):
        line((end, -0.12), (end, 0.12), RAIL, 0.05)
    if np.isfinite([x, angle]).all():
        half, high = CART_SIZE[0] / 2, CART_SIZE[1] / 2
        pen.rectangle((*pixels(x - half, high), *pixels(x + half, -high)), CART)
        tip = (x + length * np.sin(2 * np.pi * angle), length * np.cos(2 * np.pi * angle))
        line((x, 0), tip, POLE, 0.03 + 0.13 * float(genome.pole_mass) / MAX_MASS)
    return np.asarray(image.reduce(SUPERSAMPLING))
