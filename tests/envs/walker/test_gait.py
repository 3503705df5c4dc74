import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.registry import make

PLAIN, GAITS = make("walker", horizon=80), make("walker-gaits", horizon=80)
ACTIONS = np.random.default_rng(0).uniform(-1, 1, (60, 4)).astype(np.float32)
FLAT = GAITS.simplest()
KEY = jax.random.key(0)


def episode(environment) -> tuple:  # type: ignore[no-untyped-def]
    @jax.jit
    def run(actions):  # type: ignore[no-untyped-def]
        level = environment.build(KEY, FLAT)
        world, _ = environment.reset(KEY, level)

        def tick(world, action):  # type: ignore[no-untyped-def]
            step = environment.step(KEY, level, world, action)
            return step.world, step

        return level, world, jax.lax.scan(tick, world, actions)[1]

    return run(ACTIONS)


@pytest.fixture(scope="module")
def walked() -> tuple:  # type: ignore[no-untyped-def]
    """Level, first world and all steps of the walker that has a gait."""
    return episode(GAITS.environment)


@pytest.mark.slow
def test_the_walker_is_the_same_bit_for_bit(walked) -> None:  # type: ignore[no-untyped-def]
    steps = walked[2]
    plain = episode(PLAIN.environment)[2]
    for mine, theirs in zip((steps.reward, steps.obs, steps.world.walker), (plain.reward, plain.obs, plain.world)):
        jax.tree.map(np.testing.assert_array_equal, mine, theirs)
    assert GAITS.environment.interface == PLAIN.environment.interface


def test_descriptor_is_the_share_of_contacts(walked) -> None:  # type: ignore[no-untyped-def]
    level, start, steps = walked
    seen = steps.obs[:, [8, 13]]  # what the walker itself reads of its contacts
    assert set(np.asarray(seen).ravel()) == {0, 1}
    for t in (0, 20, 59):
        world = jax.tree.map(lambda leaf, t=t: leaf[t], steps.world)
        shares = GAITS.environment.descriptor(level, world)
        np.testing.assert_allclose(shares, np.mean(seen[: t + 1], axis=0), rtol=1e-6)
    np.testing.assert_array_equal(GAITS.environment.descriptor(level, start), [0, 0])
    assert GAITS.environment.descriptor_bounds == ((0.0, 1.0), (0.0, 1.0))


def test_success_is_the_walkers(walked) -> None:  # type: ignore[no-untyped-def]
    level, start, _ = walked
    there = start._replace(walker=start.walker._replace(com=start.walker.com + jnp.array([200.0, 0.0])))
    assert float(GAITS.environment.success(level, start)) == 0
    assert float(GAITS.environment.success(level, there)) == 1


def test_it_can_be_filmed(walked) -> None:  # type: ignore[no-untyped-def]
    _, _, steps = walked
    few = jax.tree.map(lambda leaf: leaf[::30], steps.world)
    mine, theirs = GAITS.render(FLAT, few), PLAIN.render(FLAT, few.walker)
    np.testing.assert_array_equal(mine, theirs)
    assert GAITS.to_json(FLAT)["id"] == "walker-gaits"
