"""The tasks in NumPy: the reference for the version of every library, and what pyribs runs.

Sphere and Rastrigin are those of CMA-ME (arXiv 1912.02400): a shifted optimum, and descriptors that are sums over the
clipped halves of the solution. The arm is that of QDax. Fitness is 100 at best and 0 in the worst corner of the
bounds, so that a QD score is the sum of the fitness of all elites.

Every environment imports this file, so it needs only NumPy.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

DIM = 100
EDGE = 5.12
SHIFT = 0.4 * EDGE
SPHERE_WORST = DIM * (EDGE + SHIFT) ** 2
RASTRIGIN_WORST = DIM * float(10 + (EDGE + SHIFT) ** 2 - 10 * np.cos(2 * np.pi * (EDGE + SHIFT)))


class Task(NamedTuple):
    """A function to optimise, and the options of the algorithms on it."""

    evaluate: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # [B, G] -> fitness [B], descriptor [B, 2]
    start: tuple[float, float]  # bounds of the uniform distribution of first solutions
    descriptor: tuple[float, float]  # bounds of both coordinates
    iso: float  # sigmas of isotropic and line variation
    line: float
    mean: float  # every coordinate of the first mean of a CMA-ES
    sigma: float  # first step size of a CMA-ES


def _halves(x: np.ndarray) -> np.ndarray:
    outside = np.abs(x) > EDGE
    clipped = np.where(outside, EDGE / np.where(outside, x, 1), x)
    return np.stack([clipped[:, : DIM // 2].sum(axis=1), clipped[:, DIM // 2 :].sum(axis=1)], axis=1)


def sphere(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 100 - 100 / SPHERE_WORST * np.square(x - SHIFT).sum(axis=1), _halves(x)


def rastrigin(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y = x - SHIFT
    cost = 10 * DIM + (np.square(y) - 10 * np.cos(2 * np.pi * y)).sum(axis=1)
    return 100 - 100 / RASTRIGIN_WORST * cost, _halves(x)


def arm(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = np.clip(x, 0, 1)
    angles = np.cumsum(2 * np.pi * x - np.pi, axis=1)
    tip = np.stack([np.cos(angles).sum(axis=1), np.sin(angles).sum(axis=1)], axis=1)
    return 100 - 200 * x.std(axis=1), tip / (2 * DIM) + 0.5


_box = dict(start=(-EDGE, EDGE), descriptor=(-EDGE * DIM / 2, EDGE * DIM / 2), iso=0.5, line=0.2, mean=0.0, sigma=0.5)
TASKS = {
    "sphere": Task(sphere, **_box),
    "rastrigin": Task(rastrigin, **_box),
    "arm": Task(arm, start=(0.0, 1.0), descriptor=(0.0, 1.0), iso=0.05, line=0.1, mean=0.5, sigma=0.05),
}
