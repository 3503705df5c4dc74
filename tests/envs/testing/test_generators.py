import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.config import generators
from poet.envs.testing import check_generator
from poet.errors import ConfigError, ContractError
from tests.envs.testing.broken import COUNTER, GENERATOR, WORLD, Changed, Mutable, ResetsItself, altered
from tests.envs.toy import Corridor, CorridorGenerator, Point


def test_toy_passes() -> None:
    check_generator(GENERATOR)


@pytest.mark.slow
def test_walker_passes() -> None:
    check_generator(generators.make("walker", horizon=60))


@pytest.mark.slow
def test_walker_passes_with_every_option() -> None:
    check_generator(generators.make("walker", stairs=True, max_stair_steps=9, terrain="fresh", mutation="one"))


@pytest.mark.slow
def test_maze_passes() -> None:
    check_generator(generators.make("maze", horizon=60))


@pytest.mark.slow
def test_gaits_pass() -> None:
    check_generator(generators.make("walker-gaits", horizon=60))


def generator(**parts) -> CorridorGenerator:
    """The toy generator with these attributes or methods."""
    return altered(CorridorGenerator, parts, environment=WORLD)


class NoDescribe:
    def __getattr__(self, name):
        if name == "describe":
            raise AttributeError(name)
        return getattr(GENERATOR, name)


def rounded(genome):
    return {**GENERATOR.to_json(genome), "length": round(float(genome.length), 2)}


def random_start(key, level):
    return Point(0.1 * jax.random.normal(key, (2,)), jnp.zeros(2), jnp.int32(0)), jnp.zeros(4)


def unchecked(data):
    return Corridor(jnp.float32(data["length"]), jnp.float32(data["wind"]))


def asserting(data):
    assert data["id"] == "corridor"
    return GENERATOR.from_json(data)


def misshaped(key, genome, strength):
    return GENERATOR.mutate(key, genome, strength)._replace(wind=jnp.zeros(2))


def branching(key, genome, strength):
    return GENERATOR.mutate(key, genome, strength if strength > 0 else 1.0)


GENERATORS = {
    "no describe": (NoDescribe(), "has no `describe`"),
    "no version": (generator(version=0), "version must be an int"),
    "reasons as a list": (generator(reasons=["valid"]), "reasons must be a tuple"),
    "bounds missing": (generator(feature_bounds=((2.0, 9.0),)), "feature_bounds must be"),
    "deterministic as a string": (generator(deterministic="yes"), "deterministic must be a bool"),
    "environment that is not hashable": (generator(environment=Mutable()), "must be hashable"),
    "a leaf that is no array": (generator(simplest=lambda: Corridor(2.0, 0.0)), "leaf of type float"),
    "an empty leaf": (generator(simplest=lambda: Corridor(jnp.zeros(0), jnp.zeros(()))), "an empty leaf"),
    "no leaves": (generator(simplest=lambda: ()), "it has no leaves"),
    "sample of another dtype": (
        generator(sample=lambda key: Corridor(jnp.int32(2), jnp.float32(0))),
        r"sample\(key\) must have the structure",
    ),
    "mutate to another shape": (generator(mutate=misshaped), "mutate.* must have the structure"),
    "branch on strength": (generator(mutate=branching), "trace mutate, .* `strength` is traced"),
    "check without reason": (generator(check=lambda genome: genome.wind >= 0), r"must return \(bool\[\], int\[\]\)"),
    "too many features": (generator(features=lambda genome: jnp.zeros(3)), r"must be float32\[2\]"),
    "sample without key": (generator(sample=lambda key: GENERATOR.simplest()), "the same genome for 64 keys"),
    "sample with state": (
        generator(sample=lambda key: Corridor(jax.random.uniform(key) + next(COUNTER), jnp.float32(0))),
        "expected sample to be the same program each time",
    ),
    "mutate does nothing": (generator(mutate=lambda key, genome, strength: genome), "changed nothing"),
    "simplest is invalid": (generator(simplest=lambda: Corridor(jnp.float32(1), jnp.float32(0))), "not valid by"),
    "reason out of range": (
        generator(check=lambda genome: (genome.wind >= 0, jnp.int32(7))),
        "must index the 3 reasons",
    ),
    "no child is valid": (
        generator(mutate=lambda key, genome, strength: genome._replace(wind=genome.wind - 1)),
        "none of 128 mutants",
    ),
    "feature out of bounds": (generator(features=lambda genome: 10 * jnp.stack(genome)), "feature 'length' of valid"),
    "describe at random": (generator(describe=lambda genome: f"number {next(COUNTER)}"), "the same non-empty text"),
    "describe raises": (
        generator(describe=lambda genome: f"{genome.lenght}"),
        "describe to return, but it raised AttributeError",
    ),
    "json of arrays": (generator(to_json=lambda genome: genome._asdict()), "must return plain JSON values"),
    "json of tuples": (
        generator(to_json=lambda genome: {**GENERATOR.to_json(genome), "size": (1, 2)}),
        "what JSON can store unchanged",
    ),
    "json without version": (generator(to_json=lambda genome: {"id": "corridor"}), '"version": 1'),
    "json that rounds": (generator(to_json=rounded), "is not exact"),
    "json of another id is accepted": (generator(from_json=unchecked), "but it accepted"),
    "json of another id asserts": (
        generator(from_json=asserting),
        "must raise ConfigError .* it raised AssertionError",
    ),
    "crossover of another shape": (
        generator(crossover=lambda key, a, b: (a, b)),
        "crossover.* must have the structure",
    ),
    "repair of another dtype": (
        generator(repair=lambda genome: genome._replace(wind=jnp.int32(0))),
        "repair.* must have the structure",
    ),
    "environment is broken": (generator(environment=ResetsItself(12)), "never reset inside `step`"),
    "not deterministic": (
        generator(environment=Changed(reset=random_start)),
        "deterministic is declared, but another key",
    ),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_broken_generator(name: str) -> None:
    broken, message = GENERATORS[name]
    with pytest.raises(ContractError, match=message):
        check_generator(broken)


def test_toy_reads_what_it_writes() -> None:
    genome = Corridor(jnp.float32(np.pi), jnp.float32(0.1))
    assert GENERATOR.from_json(json.loads(json.dumps(GENERATOR.to_json(genome)))) == genome
    with pytest.raises(ConfigError):
        GENERATOR.from_json({})
