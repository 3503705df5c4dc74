"""A picture of the arm: what it can reach, its links from the base to the tip, its joints."""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

FINE = 4  # supersampling
MOST_DOTS = 30  # joints that can be told apart
PAPER, REACH, RIM = (255, 255, 255), (240, 245, 249), (199, 211, 221)
BASE, TIP, JOINT = (34, 48, 60), (213, 94, 0), (255, 255, 255)
FIRST, LAST = np.array([0, 58, 110]), np.array([126, 190, 230])  # links run from dark to light along the arm


def draw(joints: Float[np.ndarray, "J 2"], width: int) -> UInt8[np.ndarray, "H W 3"]:
    """Joints in the unit square, base first and tip last, as a square picture."""
    size = width * FINE
    image = Image.new("RGB", (size, size), PAPER)
    pen = ImageDraw.Draw(image)

    def place(point: np.ndarray) -> tuple[float, float]:
        return float(point[0] * size), float((1 - point[1]) * size)

    def disc(point: np.ndarray, radius: float, fill: tuple, edge: tuple | None = None) -> None:
        (x, y), r = place(point), radius * size
        pen.ellipse((x - r, y - r, x + r, y + r), fill, edge, width=max(1, round(size / 300)))

    disc(np.array([0.5, 0.5]), 0.4995, REACH, RIM)
    count = len(joints) - 1
    thick = min(0.018, 0.35 / count**0.75)  # slimmer where there are many
    for i in range(count):
        colour = tuple(np.round(FIRST + (LAST - FIRST) * i / max(count - 1, 1)).astype(int).tolist())
        pen.line([place(joints[i]), place(joints[i + 1])], colour, max(1, round(thick * size)))
        disc(joints[i + 1], thick / 2, colour)
    for joint in joints[1:-1] if count <= MOST_DOTS else ():
        disc(joint, thick / 4, JOINT)
    disc(joints[0], 0.016, BASE)
    disc(joints[-1], 0.014, TIP, PAPER)
    return np.asarray(image.reduce(FINE))
