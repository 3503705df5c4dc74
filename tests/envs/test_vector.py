import json
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.base import Generator
from poet.envs.testing import check_generator
from poet.envs.vector import VectorGenerator, integer, real
from poet.errors import ConfigError, ContractError
from tests.envs.toy import CorridorEnvironment


class Windy(NamedTuple):
    length: jax.Array
    wind: jax.Array
    gusts: jax.Array


class WindyEnvironment(CorridorEnvironment):
    def build(self, key, genome):
        return genome._replace(wind=genome.wind + 0.01 * genome.gusts)


NUMBERS = Windy(real(2, 9, step=1), real(0, 0.9, step=(-0.1, 0.2)), integer(0, 1000, step=(-1, 2), start=4))
GENERATOR = VectorGenerator("windy", WindyEnvironment(12), NUMBERS, (0.0, 100.0), 90.0)
KEYS = jax.random.split(jax.random.key(0), 500)


def mutants(strength: float, genome: Windy) -> Windy:
    mutate = jax.jit(jax.vmap(GENERATOR.mutate, (0, None, None)))
    return jax.device_get(mutate(KEYS, genome, strength))


def test_it_keeps_the_contract() -> None:
    assert isinstance(GENERATOR, Generator)
    check_generator(GENERATOR)


def test_equal_declarations_are_equal_and_have_one_hash() -> None:
    again = VectorGenerator("windy", WindyEnvironment(12), Windy(*NUMBERS), (0.0, 100.0), 90.0)
    assert (again, hash(again)) == (GENERATOR, hash(GENERATOR))


def test_samples_fill_the_bounds() -> None:
    samples = jax.device_get(jax.jit(jax.vmap(GENERATOR.sample))(KEYS))
    assert [leaf.dtype for leaf in samples] == [np.float32, np.float32, np.int32]
    for leaf, (low, high) in zip(samples, GENERATOR.feature_bounds):
        assert low <= leaf.min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < leaf.max() <= high


def test_a_crossover_takes_each_number_from_one_parent() -> None:
    a = Windy(jnp.float32(3), jnp.float32(0.1), jnp.int32(7))
    b = Windy(jnp.float32(8), jnp.float32(0.8), jnp.int32(900))
    children = jax.device_get(jax.jit(jax.vmap(GENERATOR.crossover, (0, None, None)))(KEYS, a, b))
    assert [leaf.dtype for leaf in children] == [np.float32, np.float32, np.int32]
    for leaf, one, other in zip(children, a, b):
        assert set(leaf.tolist()) == {float(one), float(other)}
        assert 0.4 < (leaf == one).mean() < 0.6
    assert len({tuple(child) for child in zip(*(leaf.tolist() for leaf in children))}) == 8, "independently"


def test_an_impossible_scale_of_returns_is_refused() -> None:
    with pytest.raises(ContractError, match="expects a finite return_range"):
        VectorGenerator("windy", WindyEnvironment(), NUMBERS, (0.0, 1.0), solved_return=2.0)


def test_both_ends_of_an_integer_are_drawn() -> None:
    few = VectorGenerator("few", WindyEnvironment(), NUMBERS._replace(gusts=integer(-1, 1, step=1)), (0.0, 1.0), 1.0)
    assert set(jax.vmap(few.sample)(KEYS).gusts.tolist()) == {-1, 0, 1}


@pytest.mark.parametrize("strength", [1.0, 0.25, 3.0])
def test_mutations_are_uniform_between_the_steps(strength: float) -> None:
    start = Windy(jnp.float32(5), jnp.float32(0.3), jnp.int32(500))
    children = mutants(strength, start)
    change = children.length - 5
    assert np.abs(change).max() <= strength
    assert change.min() < -0.9 * strength < 0.9 * strength < change.max()
    assert 0.3 - 0.1 * strength - 1e-6 <= children.wind.min() < children.wind.max() <= 0.3 + 0.2 * strength + 1e-6
    steps = children.gusts - 500
    assert np.floor(-strength) <= steps.min() < steps.max() <= np.ceil(2 * strength)
    assert steps.mean() == pytest.approx(0.5 * strength, abs=0.2 * strength)  # of -1 to 2, also where most are 0


def test_mutations_stay_within_the_bounds() -> None:
    children = mutants(50.0, GENERATOR.simplest())
    assert jax.vmap(GENERATOR.check)(children)[0].all()
    assert (children.length.min(), children.length.max()) == (2, 9)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"length": 1.9}, "length"), ({"wind": 0.91}, "wind"), ({"gusts": -1}, "gusts"), ({"wind": np.nan}, "wind")],
)
def test_check_names_the_number_that_is_out_of_bounds(change: dict, reason: str) -> None:
    genome = jax.tree.map(lambda value, leaf: jnp.asarray(value, leaf.dtype), Windy(2, 0, 4)._replace(**change), BASE)
    valid, index = GENERATOR.check(genome)
    assert not valid
    assert GENERATOR.reasons[int(index)] == f"{reason} out of bounds"


BASE = GENERATOR.simplest()


@pytest.mark.parametrize("genome", [Windy(np.float32(np.pi), np.float32(0.1), np.int32(7)), BASE])
def test_json_is_exact(genome: Windy) -> None:
    loaded = GENERATOR.from_json(json.loads(json.dumps(GENERATOR.to_json(genome))))
    assert [(leaf, leaf.dtype) for leaf in loaded] == [(leaf, leaf.dtype) for leaf in genome]


def test_description() -> None:
    assert (
        GENERATOR.describe(Windy(jnp.float32(3.14159), jnp.float32(0), jnp.int32(7))) == "length 3.14, wind 0, gusts 7"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": "2"}, "length of a 'windy' genome expects a number"),
        ({"length": True}, "expects a number"),
        ({"length": [2.0]}, "expects a number"),
        ({"length": float("nan")}, "expects a number"),
        ({"length": 1e39}, "expects a number within"),
        ({"gusts": 2.5}, "gusts of a 'windy' genome expects an integer"),
        ({"gusts": 2**40}, "expects an integer within"),
        ({"id": "calm"}, "expected a genome of 'windy' version 1"),
        ({"version": 2}, "expected a genome of 'windy' version 1"),
        ({"rain": 1}, "must have the fields"),
    ],
)
def test_other_json_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GENERATOR.from_json({**GENERATOR.to_json(BASE), **change})


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: real(2, 2, step=1), "bounds low < high"),
        (lambda: real(0, float("inf"), step=1), "high expects a finite number"),
        (lambda: real(0, float("nan"), step=1), "high expects a finite number"),
        (lambda: real(0, 1, step=0), "step expects a positive number"),
        (lambda: real(0, 1, step=(0.2, 0.1)), "step expects a positive number, or a pair"),
        (lambda: real(0, 1, step=0.1, start=2), "start expects a number within 0 to 1, got 2"),
        (lambda: integer(0, 1.5, step=1), "high expects an integer"),
        (lambda: integer(0, 2**25, step=1), "integer expects ints of at most 2..24"),
        (lambda: integer(0, 9, step=1, start=0.5), "start expects an integer"),
    ],
)
def test_impossible_numbers(declare, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        declare()


@pytest.mark.parametrize("numbers", [Windy(2.0, 0.0, 4), (real(0, 1, step=1),), {"wind": real(0, 1, step=1)}])
def test_numbers_that_are_none(numbers) -> None:
    with pytest.raises(ContractError, match="numbers expects a NamedTuple"):
        VectorGenerator("windy", WindyEnvironment(), numbers, (0.0, 100.0), 90.0)
