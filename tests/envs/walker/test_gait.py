import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.config import generators

PLAIN, GAIT = generators.make("walker", horizon=80), generators.make("walker-gaits", horizon=80)
ACTIONS = np.random.default_rng(0).uniform(-1, 1, (60, 4)).astype(np.float32)
FLAT = GAIT.simplest()
KEY = jax.random.key(0)


def episode(environment) -> tuple:  # type: ignore[no-untyped-def]
    @jax.jit
    def run(actions):  # type: ignore[no-untyped-def]
        level = environment.build(KEY, FLAT)
        world, _ = environment.reset(KEY, level)

        def advance(world, action):  # type: ignore[no-untyped-def]
            step = environment.step(KEY, level, world, action)
            return step.world, step

        return level, world, jax.lax.scan(advance, world, actions)[1]

    return run(ACTIONS)


@pytest.fixture(scope="module")
def walked() -> tuple:  # type: ignore[no-untyped-def]
    """Level, first world and all steps of an episode of the walker with a gait descriptor."""
    return episode(GAIT.environment)


@pytest.mark.slow
def test_steps_equal_those_of_the_plain_walker_bit_for_bit(walked) -> None:  # type: ignore[no-untyped-def]
    steps = walked[2]
    plain = episode(PLAIN.environment)[2]
    for gait_value, plain_value in zip(
        (steps.reward, steps.obs, steps.world.walker), (plain.reward, plain.obs, plain.world)
    ):
        jax.tree.map(np.testing.assert_array_equal, gait_value, plain_value)
    assert GAIT.environment.interface == PLAIN.environment.interface


@pytest.mark.slow
def test_descriptor_is_the_share_of_contacts(walked) -> None:  # type: ignore[no-untyped-def]
    level, start, steps = walked
    seen = steps.obs[:, [8, 13]]  # the observations of ground contact
    assert set(np.asarray(seen).ravel()) == {0, 1}
    for t in (0, 20, 59):
        world = jax.tree.map(lambda leaf, t=t: leaf[t], steps.world)
        shares = GAIT.environment.descriptor(level, world)
        np.testing.assert_allclose(shares, np.mean(seen[: t + 1], axis=0), rtol=1e-6)
    np.testing.assert_array_equal(GAIT.environment.descriptor(level, start), [0, 0])
    assert GAIT.environment.descriptor_bounds == ((0.0, 1.0), (0.0, 1.0))


@pytest.mark.slow
def test_success_is_that_of_the_walker(walked) -> None:  # type: ignore[no-untyped-def]
    level, start, _ = walked
    at_the_end = start._replace(walker=start.walker._replace(com=start.walker.com + jnp.array([200.0, 0.0])))
    assert float(GAIT.environment.success(level, start)) == 0
    assert float(GAIT.environment.success(level, at_the_end)) == 1


@pytest.mark.ci
def test_episode_is_rendered_as_that_of_the_plain_walker(walked) -> None:  # type: ignore[no-untyped-def]
    _, _, steps = walked
    few = jax.tree.map(lambda leaf: leaf[::30], steps.world)
    gait_value, plain_value = GAIT.render(FLAT, few), PLAIN.render(FLAT, few.walker)
    np.testing.assert_array_equal(gait_value, plain_value)
    assert GAIT.to_json(FLAT)["id"] == "walker-gaits"
