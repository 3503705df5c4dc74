import functools
import json
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.config import generators
from poet.envs.walker.config import WalkerConfig
from poet.envs.walker.generator import ObstacleGenerator
from poet.envs.walker.genome import ObstacleGenome
from poet.errors import ConfigError

PLAIN = generators.make("walker")
STAIRS = generators.make("walker", stairs=True, max_stair_steps=3, terrain="fresh")
ONE = generators.make("walker", mutation="one", stairs=True, max_stair_steps=9)


def genome(roughness=0, pit=(0, 0), stump=(0, 0), stair=(0, 0), stair_steps=0, seed=0) -> ObstacleGenome:
    return jax.tree.map(
        lambda a: jnp.asarray(a, jnp.int32),
        ObstacleGenome(roughness, np.array(pit), np.array(stump), np.array(stair), stair_steps, seed),
    )


@functools.cache
def mutate_all(generator: ObstacleGenerator):
    return jax.jit(jax.vmap(generator.mutate, (0, None, None)))


def children(generator: ObstacleGenerator, parent: ObstacleGenome, strength: float = 1.0):
    keys = jax.random.split(jax.random.key(0), 2048)
    return jax.tree.map(np.asarray, mutate_all(generator)(keys, parent, strength))


def neighbours(lo: int, hi: int, limit: int, step: int = 1) -> set:
    """The ranges that the original's rule allows after (lo, hi)."""
    moves = {(lo + a, hi + b) for a in (-step, 0, step) for b in (-step, 0, step)} - {(lo, hi)}
    return {(a, b) for a, b in moves if 0 <= a <= b and 2 <= b <= limit}


def test_children_of_flat_ground_have_the_first_obstacles_of_the_original() -> None:
    offspring = children(PLAIN, PLAIN.simplest())
    assert set(map(tuple, offspring.pit)) == {(0, 2)}
    assert set(map(tuple, offspring.stump)) == {(0, 2)}
    assert set(map(tuple, offspring.stair)) == {(0, 0)}
    assert len(set(offspring.seed.tolist())) > 2000
    assert 0 <= offspring.seed.min() <= offspring.seed.max() < 1_000_000


@pytest.mark.parametrize(
    ("pit", "stump"), [((0, 2), (0, 2)), ((3, 7), (4, 4)), ((20, 20), (25, 25)), ((0, 20), (2, 2))]
)
def test_all_neighbouring_ranges_are_equally_likely(pit: tuple, stump: tuple) -> None:
    offspring = children(PLAIN, genome(pit=pit, stump=stump))
    for name, pair, limit in (("pit", pit, 20), ("stump", stump, 25)):
        seen = Counter((int(lo), int(hi)) for lo, hi in getattr(offspring, name))
        expected = neighbours(*pair, limit)
        assert set(seen) == expected
        share = np.array(list(seen.values())) / 2048
        np.testing.assert_allclose(share, 1 / len(expected), atol=0.05)


def test_roughness_changes_by_at_most_six_tenths() -> None:
    seen = Counter((children(PLAIN, genome(roughness=50)).roughness - 50).tolist())
    assert set(seen) == set(range(-6, 7))
    assert seen[6] < seen[0]  # rounding leaves the ends half a unit
    assert children(PLAIN, genome(roughness=100)).roughness.max() == 100
    assert children(PLAIN, genome(roughness=1)).roughness.min() == 0


def test_strength_scales_the_integer_step() -> None:
    parent = genome(roughness=50, pit=(8, 14), stump=(8, 14))
    still = children(PLAIN, parent, 0.0)
    assert (still.roughness == 50).all()
    assert (still.pit == [8, 14]).all()
    double = children(PLAIN, parent, 2.0)
    assert set(map(tuple, double.pit)) == neighbours(8, 14, 20, 2)
    assert np.abs(double.roughness - 50).max() == 12
    half = children(PLAIN, parent, 0.5)
    moved = (half.pit != [8, 14]).any(1)
    assert 0.45 < moved.mean() < 0.55
    assert set(map(tuple, half.pit[moved])) == neighbours(8, 14, 20)


@pytest.mark.slow
def test_mutation_of_one_kind_or_of_all() -> None:
    parent = genome(roughness=50, pit=(4, 8), stump=(4, 8), stair=(4, 8), stair_steps=2)

    def changes(generator) -> np.ndarray:
        offspring = children(generator, parent)
        pairs = [(getattr(offspring, name) != np.array([4, 8])).any(1) for name in ("pit", "stump", "stair")]
        return np.stack([offspring.roughness != 50, *pairs])

    assert changes(ONE).sum(0).max() == 1
    assert (changes(ONE)[1:].sum(1) > 400).all()
    assert changes(STAIRS)[1:].all()


@pytest.mark.slow
@pytest.mark.parametrize("generator", [PLAIN, pytest.param(ONE, marks=pytest.mark.slow)], ids=["plain", "one"])
def test_descendants_and_samples_are_valid(generator: ObstacleGenerator) -> None:
    def generation(offspring, key):
        offspring = jax.vmap(generator.mutate, (0, 0, None))(jax.random.split(key, 64), offspring, 1.0)
        return offspring, jax.vmap(generator.check)(offspring)[0].all()

    flat = jax.tree.map(lambda a: jnp.broadcast_to(a, (64, *a.shape)), generator.simplest())
    offspring, valid = jax.jit(lambda: jax.lax.scan(generation, flat, jax.random.split(jax.random.key(1), 400)))()
    assert valid.all()
    assert offspring.pit[:, 1].max() > 10
    assert (offspring.stair.max() > 0) == generator.config.stairs
    samples = jax.jit(jax.vmap(generator.sample))(jax.random.split(jax.random.key(2), 256))
    assert jax.jit(jax.vmap(generator.check))(samples)[0].all()
    assert 0.3 < (samples.pit[:, 1] == 0).mean() < 0.7


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (genome(roughness=101), "roughness"),
        (genome(roughness=-1), "roughness"),
        (genome(pit=(5, 4)), "pit"),
        (genome(pit=(0, 1)), "pit"),
        (genome(pit=(0, 21)), "pit"),
        (genome(stump=(-1, 4)), "stump"),
        (genome(stair=(0, 2), stair_steps=1), "stair "),
        (genome(stair_steps=1), "stair_steps"),
        (genome(seed=1_000_000), "seed"),
    ],
)
def test_check_gives_the_reason_and_repair_makes_valid(bad: ObstacleGenome, reason: str) -> None:
    valid, index = PLAIN.check(bad)
    assert not valid
    assert PLAIN.reasons[int(index)].startswith(reason)
    assert PLAIN.check(PLAIN.repair(bad))[0]


def test_repair_does_not_change_a_valid_genome() -> None:
    good = genome(roughness=30, pit=(2, 20), stump=(0, 2), stair=(1, 4), stair_steps=3, seed=12)
    assert all((a == b).all() for a, b in zip(STAIRS.repair(good), good))


@pytest.mark.ci
def test_crossover_takes_each_kind_from_one_parent() -> None:
    a = genome(roughness=10, pit=(1, 2), stump=(1, 2), stair=(1, 2), stair_steps=1)
    b = genome(roughness=90, pit=(9, 12), stump=(9, 12), stair=(9, 12), stair_steps=3)
    offspring = jax.jit(jax.vmap(STAIRS.crossover, (0, None, None)))(jax.random.split(jax.random.key(3), 256), a, b)
    assert jax.jit(jax.vmap(STAIRS.check))(offspring)[0].all()
    pairs = {
        (int(r), int(p), int(s), int(t))
        for r, p, s, t in zip(offspring.roughness, *(offspring[k][:, 0] for k in (1, 2, 3)))
    }
    assert pairs == {(r, p, s, t) for r in (10, 90) for p in (1, 9) for s in (1, 9) for t in (1, 9)}
    assert ((offspring.stair[:, 0] == 1) == (offspring.stair_steps == 1)).all()


def test_features_have_the_units_of_the_original() -> None:
    one = genome(roughness=42, pit=(3, 15), stump=(2, 12), stair=(1, 4), stair_steps=3)
    np.testing.assert_allclose(PLAIN.features(one), [4.2, 1.2, 6.0, 0.4, 2.4], rtol=1e-6)
    np.testing.assert_allclose(STAIRS.features(one)[5:], [0.2, 0.8, 3], rtol=1e-6)
    assert len(STAIRS.feature_names) == len(STAIRS.feature_bounds) == 8


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (genome(), "flat ground"),
        (genome(42, (0, 11), (0, 6)), "rough ground (4.2), pits up to 2.1 m wide, stumps up to 0.6 m high"),
        (genome(pit=(4, 11)), "flat ground, pits 0.7 to 2.1 m wide"),
        (genome(stump=(5, 5)), "flat ground, stumps 0.5 m high"),
        (genome(1, stair=(0, 4), stair_steps=3), "rough ground (0.1), stairs of 3 steps up to 0.4 m high"),
    ],
)
def test_description(one: ObstacleGenome, text: str) -> None:
    assert PLAIN.describe(one) == text


@pytest.mark.parametrize(
    ("one", "name"),
    [
        (genome(roughness=44, pit=(0, 14), stump=(0, 11)), ""),
        (genome(roughness=45), "challenging"),
        (genome(pit=(0, 15), stump=(0, 12)), "very challenging"),
        (genome(roughness=45, pit=(0, 15), stump=(0, 12)), "extremely challenging"),
    ],
)
def test_difficulty_class_counts_the_thresholds_of_the_paper(one: ObstacleGenome, name: str) -> None:
    assert PLAIN.difficulty_class(one) == name


def test_json_is_exact_for_all_values() -> None:
    for i in range(101):
        one = genome(
            roughness=i, pit=(i % 21, 20), stump=(i % 26, 25), stair=(i % 26, 25), stair_steps=i % 9, seed=i * 9_999
        )
        back = PLAIN.from_json(json.loads(json.dumps(PLAIN.to_json(one))))
        assert all(a.dtype == b.dtype and a.shape == b.shape and (a == b).all() for a, b in zip(one, back))
    assert PLAIN.to_json(genome(roughness=42, pit=(3, 11)))["pit"] == [1.2, 4.4]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"id": "maze"}, "'walker' version 1"),
        ({"version": 2}, "'walker' version 1"),
        ({"roughness": 0.05}, "multiples of 0.1"),
        ({"roughness": float("nan")}, "1 finite number"),
        ({"roughness": float("inf")}, "1 finite number"),
        ({"roughness": "high"}, "1 finite number"),
        ({"pit": [0.4]}, "2 finite number"),
        ({"pit": 0.4}, "2 finite number"),
        ({"seed": 0.5}, "multiples of 1"),
        ({"seed": 1e12}, "1 finite number"),
        ({"seed": True}, "1 finite number"),
        ({"colour": "red"}, "must have the fields"),
    ],
)
def test_bad_json_is_refused(change: dict, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        PLAIN.from_json({**PLAIN.to_json(PLAIN.simplest()), **change})
    with pytest.raises(ConfigError, match="expected a genome"):
        PLAIN.from_json([])  # pyright: ignore


def test_schema_has_the_fields_of_the_json() -> None:
    schema = STAIRS.json_schema()
    assert set(schema["properties"]) == set(STAIRS.to_json(STAIRS.simplest())) == set(schema["required"])
    assert schema["properties"]["pit"]["items"]["maximum"] == 8.0
    json.dumps(schema)


@pytest.mark.parametrize(
    "options",
    [
        {"sweeps": 0},
        {"horizon": 0},
        {"terrain": "both"},
        {"mutation": "some"},
        {"max_pit": 0.4},
        {"max_stair_steps": 10},
        {"max_roughness": float("nan")},
    ],
)
def test_impossible_options_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        WalkerConfig(**options)


@pytest.mark.ci
def test_seeds_are_zero_for_fresh_terrain() -> None:
    assert not STAIRS.deterministic
    assert PLAIN.deterministic
    assert (children(STAIRS, STAIRS.simplest()).seed == 0).all()
