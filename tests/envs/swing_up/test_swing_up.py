import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.base import Trajectory
from poet.envs.config import generators
from poet.envs.swing_up import viewer
from poet.envs.swing_up.config import SwingUpConfig
from poet.envs.swing_up.env import CART_MASS, GRAVITY, SwingUp, SwingUpEnvironment, World, _advance
from poet.envs.testing import check_generator
from poet.errors import ConfigError

GENERATOR = generators.make("swing-up")
ENVIRONMENT = SwingUpEnvironment()
STEP = jax.jit(ENVIRONMENT.step)
SIMPLEST = GENERATOR.simplest()
KEY = jax.random.key(0)


def world(x: float = 0.0, speed: float = 0.0, angle: float = 0.5, spin: float = 0.0) -> World:
    return World(*map(jnp.float32, (x, speed, angle, spin)), jnp.int32(0))


def advance(start: World, power: float, num_steps: int, level: SwingUp = SIMPLEST) -> World:
    for _ in range(num_steps):
        start = STEP(KEY, level, start, jnp.float32([power])).world
    return start


def test_it_keeps_the_contract() -> None:
    check_generator(GENERATOR)


def energy(level: SwingUp, state: World) -> float:
    """Of cart and uniform pole, in joules."""
    half, angle = float(level.pole_length) / 2, 2 * np.pi * float(state.angle)
    v, w, m = float(state.speed), float(state.spin), float(level.pole_mass)
    pole_speed = v**2 + 2 * v * w * half * np.cos(angle) + (w * half) ** 2
    turning = m * (2 * half) ** 2 / 12 * w**2 / 2
    return CART_MASS * v**2 / 2 + m * pole_speed / 2 + turning + m * GRAVITY * half * np.cos(angle)


def test_energy_is_kept_without_friction_and_motor() -> None:
    level = SIMPLEST._replace(friction=jnp.float32(0), pole_mass=jnp.float32(0.5))
    fine = jax.jit(
        lambda state: jax.lax.fori_loop(0, 500, lambda _, s: _advance(level, s, jnp.float32(0), 1e-3), state)
    )
    states = [world(angle=0.3)]
    for _ in range(4):  # of half a second
        states.append(fine(states[-1]))
    assert max(abs(float(state.spin)) for state in states) > 3
    np.testing.assert_allclose([energy(level, state) for state in states], energy(level, states[0]), atol=0.01)


def test_a_hanging_pole_rests_and_an_upright_one_falls() -> None:
    np.testing.assert_allclose(advance(world(), 0.0, 50)[:4], world()[:4], atol=1e-4)
    fallen = advance(world(angle=0.001), 0.0, 30)
    assert abs(float(fallen.angle)) > 0.1


def test_the_reward_is_that_of_an_upright_pole_in_the_middle() -> None:
    def reward(**state: float) -> float:
        return float(STEP(KEY, SIMPLEST, world(**state), jnp.zeros(1)).reward)

    assert reward(angle=0.0) == pytest.approx(1.0, abs=1e-5)
    assert reward(angle=0.5) == pytest.approx(0.0, abs=1e-5)
    assert reward(angle=0.0, x=2.4) == pytest.approx(0.0, abs=1e-5)
    assert 0.5 < reward(angle=0.0, x=1.2) < 0.8


def test_the_cart_stops_at_the_ends_of_its_rail() -> None:
    for power in (-1.0, 1.0):
        state = advance(world(), power, 60)
        assert float(state.x) == pytest.approx(power * 2.4)
        assert float(state.speed) == 0.0


def test_the_scale_of_returns_follows_the_horizon() -> None:
    short = SwingUpConfig(horizon=100).make()
    assert short.return_range == (0.0, 95.0)
    assert short.solved_return == 65.0
    with pytest.raises(ConfigError, match="horizon expects at least 1, got 0"):
        SwingUpConfig(horizon=0)


def test_cart_and_pole_are_drawn_in_place() -> None:
    def centre(picture: np.ndarray, colour: tuple) -> np.ndarray:
        rows, columns = np.nonzero(np.abs(picture.astype(int) - colour).max(-1) <= 3)
        return np.array([columns.mean() / picture.shape[1], rows.mean() / picture.shape[0]])

    assert centre(GENERATOR.draw_level(SIMPLEST), viewer.POLE)[1] > 0.5, "it hangs"
    worlds = jax.tree.map(lambda *leaves: np.stack(leaves), world(x=1.2, angle=0.0), world(x=np.nan))
    frames = GENERATOR.render(SIMPLEST, Trajectory(worlds, np.zeros((2, 1)), np.zeros(2)))
    np.testing.assert_allclose(centre(frames[0], viewer.CART), [0.5 + 1.2 / viewer.VIEW[0], 0.5], atol=0.02)
    assert centre(frames[0], viewer.POLE)[1] < 0.5
    assert not (np.abs(frames[1].astype(int) - viewer.CART).max(-1) <= 3).any()
