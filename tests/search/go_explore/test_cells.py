"""Cell functions: what they tell apart."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives import entries
from poet.archives.cells import cells
from poet.envs.base import Discrete, Interface
from poet.errors import ConfigError
from poet.search.go_explore.cell_functions import FieldsCellConfig, MiniGridCellConfig
from poet.search.go_explore.cell_hash import BITS, byte_hash, to_bytes


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Bag:
    coins: Any
    open: Any


class Room(NamedTuple):
    bag: Bag
    tiles: Any


@dataclasses.dataclass(frozen=True)
class Rooms:
    @property
    def interface(self) -> Interface:
        return Interface("tiles-v1", jax.ShapeDtypeStruct((2,), jnp.float32), Discrete(2), 10)

    def build(self, key, genome):  # type: ignore[no-untyped-def]
        return genome

    def reset(self, key, level):  # type: ignore[no-untyped-def]
        return Room(Bag(jnp.int32(0), jnp.bool_(False)), jnp.zeros((3, 3, 2), jnp.uint8)), jnp.zeros(2)

    def step(self, key, level, world, action):  # type: ignore[no-untyped-def]
        raise NotImplementedError


def cell(config: Any) -> Any:
    return config.make(Rooms(), np.float32(0))


def test_fields_of_dataclasses_and_a_hash() -> None:
    config = FieldsCellConfig(fields=("world.bag.coins",), low=(0.0,), high=(4.0,), cells=(4,), hashed=("world.tiles",))
    function = cell(config)
    assert function.names == ("world.bag.coins", "hash.0", "hash.1", "hash.2")
    assert function.shape == (4, 2**BITS, 2**BITS, 2**BITS)
    world, obs = Rooms().reset(None, None)
    worlds = [world, world._replace(tiles=world.tiles.at[2, 1, 0].set(1)), world._replace(bag=Bag(jnp.int32(3), True))]
    first, tiles, coins = (function.coordinates(None, each, obs) for each in worlds)
    assert (first == function.coordinates(None, world, obs)).all()
    assert (first[1:] != tiles[1:]).all()
    assert tiles[0] == 0
    assert (coins[0], coins[1:].tolist()) == (3, first[1:].tolist())


def test_a_hash_alone_and_wrong_paths() -> None:
    assert cell(FieldsCellConfig(fields=(), hashed=("world.bag.open", "obs"))).names == ("hash.0", "hash.1", "hash.2")
    with pytest.raises(ConfigError, match="'world.bag' is not one array: name one of its fields, coins, open"):
        cell(FieldsCellConfig(fields=(), hashed=("world.bag",)))
    with pytest.raises(ConfigError, match="'world.bag.stones' has no 'stones'; there: coins, open"):
        cell(FieldsCellConfig(fields=("world.bag.stones",)))
    with pytest.raises(ConfigError, match=r"cell.fields expects one path or more"):
        FieldsCellConfig(fields=())
    with pytest.raises(ConfigError, match="tiles-v1 has no grid: --cell minigrid is for the generator xland-minigrid"):
        cell(MiniGridCellConfig())


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int32, np.float32])
def test_inputs_that_differ_in_one_or_two_numbers_have_different_hashes(dtype: Any) -> None:
    inputs = np.zeros((4000, 40), np.float64)
    rng = np.random.default_rng(0)
    for row in inputs[1:]:
        row[rng.choice(40, 2, replace=False)] = rng.choice([1, 2, 64, 128], 2)
    inputs = np.unique(inputs.astype(dtype), axis=0)
    size = jax.eval_shape(to_bytes, jax.ShapeDtypeStruct((40,), dtype)).size
    words = np.asarray(jax.jit(jax.vmap(lambda row: byte_hash(size)(to_bytes(row))))(inputs))
    assert len(np.unique(words, axis=0)) == len(inputs)
    assert all(len(np.unique(column)) > 0.99 * len(inputs) for column in words.T)


@pytest.mark.ci
def test_an_archive_has_the_cells_of_a_hash() -> None:
    """Words of a hash are whole numbers that float32 and the archive tell apart, up to the largest."""
    archive = cells((2**BITS,) * 3, [(0.0, 2.0**BITS)] * 3, capacity=8)
    words = jnp.array([[2.0**BITS - 1, 0, 1], [2.0**BITS - 2, 0, 1], [2.0**BITS - 1, 0, 2], [2.0**BITS - 1, 0, 1]])
    _, info = archive.add(archive.init(jnp.zeros(1)), entries(jnp.zeros((4, 1)), jnp.zeros(4), words))
    assert info.cell.tolist() == [0, 1, 2, 0]
