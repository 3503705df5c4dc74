"""Results do not depend on the settings of jax in the user's session."""

import doctest
from typing import Any

import jax
import numpy as np
import pytest

from poet import jax_settings
from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.archives.config import GridConfig
from poet.envs.arm.config import ArmConfig
from poet.envs.config import generators
from poet.envs.testing.generators import check_generator
from poet.errors import ConfigError
from poet.executors.config import LocalExecutorConfig
from poet.jax_settings import other_settings, overridden, pinned
from poet.learners.config import ESConfig
from poet.runs.launch import build_search
from poet.search.config import RunConfig
from poet.search.map_elites.ask_tell import AskTell
from poet.search.map_elites.config import MapElitesConfig, MapElitesRunConfig
from poet.search.poet.config import PoetConfig, PoetRunConfig
from tests.envs.toy import CorridorConfig
from tests.search.helpers import assert_equal_trees

SESSIONS: dict[str, Any] = {
    "x64": lambda: jax.enable_x64(True),
    "another generator of random numbers": lambda: jax.default_prng_impl("rbg"),
    "threefry of another layout": lambda: jax.threefry_partitionable(False),
    "precision of products": lambda: jax.default_matmul_precision("bfloat16"),
    "strict promotion of dtypes": lambda: jax.numpy_dtype_promotion("strict"),
    "no promotion of ranks": lambda: jax.numpy_rank_promotion("raise"),
    "no implicit transfers": lambda: jax.transfer_guard("disallow"),
    "NaN is an error": lambda: jax.debug_nans(True),
    "infinity is an error": lambda: jax.debug_infs(True),
    "leaks are errors": lambda: jax.check_tracer_leaks(True),
}
CONFIGS: dict[str, RunConfig] = {
    "map-elites": MapElitesRunConfig(
        problem=ArmConfig(num_joints=4),
        archive=GridConfig(shape=(4, 4)),
        search=MapElitesConfig(batch=8, generations=2, initial=8, islands=2),
    ),
    "poet": PoetRunConfig(
        generator=CorridorConfig(horizon=12),
        policy=MLPConfig(hidden=()),
        learner=ESConfig(population=4),
        search=PoetConfig(max_niches=2, reproduce_every=1, reproduce_threshold=-9.0, mc_lower=-9.0, mc_upper=9.0),
        engine=XLAEngineConfig(lanes=8, chunk=6),
        executor=LocalExecutorConfig(devices=2, queue=32),
    ),
}
KEY = jax.random.key(0)


def steps(search: Any) -> list[Any]:
    """Copies of the first states of a search."""
    states = [search.init(KEY)]
    for _ in range(2):
        with pinned():  # a step may reuse the memory of what it is given; the copy is the test's own work
            copy = jax.tree.map(lambda leaf: leaf.copy(), states[-1])
        states.append(search.step(copy)[0])
    return states


@pytest.fixture(scope="module", params=CONFIGS)
def search(request: pytest.FixtureRequest):
    made = build_search(CONFIGS[request.param])
    yield made, steps(made)
    made.close()


@pytest.mark.ci
@pytest.mark.few(1)
@pytest.mark.parametrize("session", SESSIONS)
def test_a_search_has_the_same_bits_in_every_session(session: str, search: tuple) -> None:
    made, expected = search
    with SESSIONS[session]():
        found = steps(made)
    assert_equal_trees(found, expected)


@pytest.mark.ci
@pytest.mark.parametrize("name", CONFIGS)
def test_a_search_that_is_made_in_another_session_has_the_same_bits(name: str) -> None:
    with jax.enable_x64(True), jax.numpy_rank_promotion("raise"), jax.debug_nans(True):
        made = build_search(CONFIGS[name])
        found = steps(made)
        made.close()
    again = build_search(CONFIGS[name])
    assert_equal_trees(found, steps(again))
    again.close()


@pytest.mark.ci
def test_asking_and_telling_in_another_session() -> None:
    def play() -> dict[str, np.ndarray]:
        archive = GridConfig(shape=(4, 4)).make([(-1.0, 1.0)] * 2)
        search = AskTell(MapElitesConfig(batch=8), archive, np.zeros((1, 3)))
        for _ in range(3):
            solutions = search.ask()
            search.tell(-np.square(solutions).sum(axis=1), np.tanh(solutions[:, :2]))
        return search.table()

    expected = play()
    with jax.enable_x64(True), jax.numpy_rank_promotion("raise"), jax.transfer_guard("disallow"):
        assert_equal_trees(play(), expected)


@pytest.mark.slow
def test_the_test_kit_in_another_session() -> None:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.debug_infs(True):
        check_generator(generators.make("maze", horizon=20))


def test_what_has_no_effect_is_named() -> None:
    assert overridden() == {}
    with jax.enable_x64(True), jax.debug_nans(True):
        assert overridden() == {"jax_enable_x64": (True, False), "jax_debug_nans": (True, False)}
        with pinned():
            assert overridden() == {}


def test_what_is_not_pinned_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    found = other_settings()
    assert found["XLA_FLAGS"] == "--xla_cpu_enable_fast_math=true"
    assert found["jax_random_seed_offset"] == "0"
    assert all(isinstance(value, str) for value in found.values())


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("Unable to initialize backend 'tpu'\nmore")])
def test_no_device_is_an_error_that_names_the_variable(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def devices() -> None:
        raise error

    monkeypatch.setattr(jax, "devices", devices)
    monkeypatch.setenv("JAX_PLATFORMS", "tpu")
    jax_settings._require_device.cache_clear()
    with (
        pytest.raises(ConfigError, match="jax finds no device.*unset JAX_PLATFORMS, which is 'tpu', or install"),
        pinned(),
    ):
        pass


def test_examples() -> None:
    assert doctest.testmod(jax_settings).failed == 0
