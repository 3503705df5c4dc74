"""The walker's step against Box2D, from states along walks in Box2D. The bounds are measured values with a margin.

Measured at 10 sweeps (`python -m benchmarks.walker_fidelity`): after 10 steps the median error of the hull is
0.2 mm in x and 0.3 mm in y on every terrain, the 90th percentile 6-7 mm and 9-17 mm (landings).
"""

import warnings

import numpy as np
import pytest

from poet.envs.walker.constants import CONTACT_DISTANCE
from poet.envs.walker.env import Walker

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the wrapper of Box2D warns about its own types, and fails if warnings are errors
    from benchmarks.box2d import Errors, Oracle, world_of
    from benchmarks.walker_fidelity import SETTINGS, measure, recorded

pytestmark = pytest.mark.slow
STEPS = (1, 5, 10)

# steps -> (x mm, y mm, hull angle rad, worst joint rad): medians, 90th percentiles
MEDIAN = {1: (0.1, 0.1, 1e-4, 1e-3), 5: (0.2, 0.3, 2e-4, 4e-3), 10: (0.6, 0.9, 6e-4, 8e-3)}
HIGH = {1: (0.4, 1.5, 5e-4, 0.01), 5: (4, 12, 5e-3, 0.07), 10: (15, 30, 0.02, 0.14)}


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle(Walker())


@pytest.fixture(scope="module")
def errors(oracle) -> dict[str, dict[int, Errors]]:
    return {name: measure(oracle, name, STEPS) for name in SETTINGS}


def measured(e: Errors, of, chosen=slice(None)) -> np.ndarray:
    return np.array([of(v[chosen]) for v in (1e3 * e.x, 1e3 * e.y, e.angle, e.joint)])


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("steps", STEPS)
def test_predicts_box2d(name: str, steps: int, errors) -> None:
    e = errors[name][steps]
    assert len(e.x) > 1000
    assert (measured(e, np.median) <= MEDIAN[steps]).all()
    assert (measured(e, lambda v: np.percentile(v, 90)) <= HIGH[steps]).all()


@pytest.mark.parametrize("name", ["rough", "pits", "stumps", "stairs"])
def test_predicts_box2d_where_legs_meet_walls_and_corners(name: str, oracle) -> None:
    """Only starts after which a shin or a knee touches in Box2D."""
    parts = []
    for terrain, record in recorded(name):
        found = oracle.compare(terrain, record, (5,))
        if found:
            gaps = [world_of(terrain, record, t).candidates.gap for t in range(1, len(record.action))]
            hard = (np.stack([gaps[0], *gaps]) < CONTACT_DISTANCE)[:, [2, 3, 6, 7]].any(1)
            chosen = np.array([hard[t : t + 5].any() for t in found[5].start])
            parts.append(measured(found[5], lambda v: v, chosen))
    x, y, angle, joint = np.concatenate(parts, axis=1)
    assert len(x) > 300
    assert np.median(x) < 1.2
    assert np.median(y) < 2.0
    assert np.median(angle) < 2.5e-3
    assert np.median(joint) < 0.025
    assert np.percentile(x, 90) < 12
    assert np.percentile(y, 90) < 25


def test_observes_what_box2d_observes(errors) -> None:
    """After one step, all but the contact flags, which Box2D clears whenever a foot leaves any segment."""
    for name in SETTINGS:
        seen = errors[name][1].obs
        body = [0, 1, 2, 3, 4, 6, 9, 11]
        assert np.median(seen[:, body], axis=0).max() < 1e-3
        assert np.percentile(seen[:, [5, 7, 10, 12]], 90) < 0.05
        assert np.median(seen[:, 14:]) < 1e-4
        assert np.percentile(seen[:, 14:], 99) < 5e-3


def test_more_sweeps_reduce_errors() -> None:
    few, many = (measure(Oracle(Walker(sweeps=n)), "v3", (10,))[10] for n in (3, 40))
    assert np.percentile(many.x, 90) < np.percentile(few.x, 90)
    assert np.percentile(many.y, 90) < np.percentile(few.y, 90)
