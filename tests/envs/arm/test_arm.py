import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.arm import viewer
from poet.envs.config import problems
from poet.errors import ConfigError

KEY = jax.random.key(0)


def evaluate(params) -> tuple[float, np.ndarray]:
    fitness, tip = problems.make("arm", num_joints=len(params)).evaluate(KEY, jnp.asarray(params, jnp.float32))
    return float(fitness), np.asarray(tip)


@pytest.mark.parametrize(
    ("params", "fitness", "tip"),
    [
        ([0.5] * 4, 100, (1.0, 0.5)),  # stretched out along x
        ([0.75, 0.5, 0.5, 0.5], 100 - 200 * 0.25 * 3**0.5 / 4, (0.5, 1.0)),  # a quarter turn, then straight
        ([0.75] * 4, 100, (0.5, 0.5)),  # around a square, back to the base
        ([0.25, 0.75], 50, (0.75, 0.25)),  # down, then right
        ([0.0, 1.0], 0, (0.5, 0.5)),  # at the limits: to the left, and back
        ([0.5, 1.0], 50, (0.5, 0.5)),  # there and back
    ],
)
def test_poses_by_hand(params: list, fitness: float, tip: tuple) -> None:
    got, where = evaluate(params)
    assert got == pytest.approx(fitness, abs=1e-4)
    np.testing.assert_allclose(where, tip, atol=1e-6)


def test_equals_qdax_arm() -> None:
    """QDax's formulas in float64; its fitness is minus the standard deviation of the angles as shares of a turn."""
    x = np.random.default_rng(0).uniform(-0.2, 1.2, (200, 100)).astype(np.float32)
    fitness, tip = jax.vmap(problems.make("arm").evaluate, (None, 0))(KEY, x)
    share = np.clip(x.astype(np.float64), 0, 1)
    angle = np.cumsum(2 * np.pi * share - np.pi, axis=1)
    place = np.stack([np.cos(angle).sum(1), np.sin(angle).sum(1)], 1) / 200 + 0.5
    np.testing.assert_allclose(fitness, 100 * (1 - 2 * share.std(axis=1)), atol=1e-3)
    np.testing.assert_allclose(tip, place, atol=1e-5)


def test_zero_joints_are_refused() -> None:
    with pytest.raises(ConfigError, match="arm: num_joints expects at least 1, got 0"):
        problems.make("arm", num_joints=0)


@pytest.mark.parametrize("joints", [1, 6, 100])
def test_tip_is_drawn_at_its_position(joints: int) -> None:
    arm = problems.make("arm", num_joints=joints)
    params = arm.sample(KEY)
    picture = arm.draw(params)
    assert picture.shape == (480, 480, 3)
    assert picture.dtype == np.uint8
    rows, columns = np.nonzero(np.abs(picture.astype(int) - viewer.TIP).max(-1) <= 8)
    tip = np.asarray(arm.evaluate(KEY, params)[1])
    np.testing.assert_allclose([columns.mean() / 480, 1 - rows.mean() / 480], tip, atol=0.01)
    assert (picture[0, 0] == viewer.BACKGROUND).all()
