import jax.numpy as jnp
import numpy as np

from poet.envs.trigonometry import cos_sin_turns


def test_cosine_and_sine_of_turns() -> None:
    turns = np.concatenate([np.linspace(-3, 3, 20_001), [1e4 + 0.125, -0.5, 0.5]]).astype(np.float32)
    cos, sin = cos_sin_turns(jnp.asarray(turns))
    angle = 2 * np.pi * turns.astype(np.float64)
    np.testing.assert_allclose(cos, np.cos(angle), atol=1e-6)
    np.testing.assert_allclose(sin, np.sin(angle), atol=1e-6)


def test_whole_and_quarter_turns() -> None:
    cos, sin = cos_sin_turns(jnp.array([0.0, 0.25, 7.0]))
    np.testing.assert_allclose(cos, [1, 0, 1], atol=2e-7)
    np.testing.assert_allclose(sin, [0, 1, 0], atol=2e-7)
    assert cos[0] == cos[2] == 1


def test_not_finite_input_gives_nan() -> None:
    assert jnp.isnan(jnp.stack(cos_sin_turns(jnp.array([jnp.nan, jnp.inf])))).all()
