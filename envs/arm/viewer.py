"""A picture of the arm: the disc that it can reach, its links from base to tip, and its joints."""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

SUPERSAMPLING = 4
MAX_JOINTS_DRAWN = 30  # with more joints, their dots would overlap

BACKGROUND, REACHABLE, REACHABLE_EDGE = (255, 255, 255), (240, 245, 249), (199, 211, 221)
BASE, TIP, JOINT = (34, 48, 60), (213, 94, 0), (255, 255, 255)
FIRST_LINK, LAST_LINK = np.array([0, 58, 110]), np.array([126, 190, 230])  # links are shaded from dark to light


def draw(joints: Float[np.ndarray, "J 2"], width: int) -> UInt8[np.ndarray, "H W 3"]:
    """Square picture of joints in the unit square, base first and tip last."""
    size = width * SUPERSAMPLING
    image = Image.new("RGB", (size, size), BACKGROUND)
    pen = ImageDraw.Draw(image)

    def to_pixels(point: np.ndarray) -> tuple[float, float]:
        return float(point[0] * size), float((1 - point[1]) * size)

    def disc(centre: np.ndarray, radius: float, fill: tuple, edge: tuple | None = None) -> None:
        (x, y), r = to_pixels(centre), radius * size
        pen.ellipse((x - r, y - r, x + r, y + r), fill, edge, width=max(1, round(size / 300)))

    disc(np.array([0.5, 0.5]), 0.4995, REACHABLE, REACHABLE_EDGE)
    num_links = len(joints) - 1
    thickness = min(0.018, 0.35 / num_links**0.75)
    for i in range(num_links):
        shade = FIRST_LINK + (LAST_LINK - FIRST_LINK) * i / max(num_links - 1, 1)
        colour = tuple(np.round(shade).astype(int).tolist())
        pen.line([to_pixels(joints[i]), to_pixels(joints[i + 1])], colour, max(1, round(thickness * size)))
        disc(joints[i + 1], thickness / 2, colour)
    for joint in joints[1:-1] if num_links <= MAX_JOINTS_DRAWN else ():
        disc(joint, thickness / 4, JOINT)
    disc(joints[0], 0.016, BASE)
    disc(joints[-1], 0.014, TIP, BACKGROUND)
    return np.asarray(image.reduce(SUPERSAMPLING))
