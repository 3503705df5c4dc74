"""The buffer: the fittest entries, with or without descriptors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives import BufferConfig, compare, entries, files, table
from poet.errors import ConfigError, ShapeError
from tests.archives.cases import BOUNDS, assert_equal, compiled, take

CAPACITY = 4
BUFFER = compiled(BufferConfig(capacity=CAPACITY).make())
LEVEL = {"walls": jnp.zeros((2, 2), jnp.int8)}


def levels(scores: list[int], generation: int):
    walls = np.arange(4 * len(scores), dtype=np.int8).reshape(-1, 2, 2) + generation
    return entries({"walls": walls}, np.asarray(scores, np.float32), generation=generation)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), min_size=6, max_size=6), max_size=4), st.integers(0, 99))
def test_it_keeps_the_fittest_as_a_plain_list_does(blocks: list[list[int]], seed: int) -> None:
    state, known = BUFFER.init(LEVEL), []
    for generation, scores in enumerate(blocks):
        order = np.random.default_rng(seed).permutation(6)
        before = {tuple(id): row for row, id in enumerate(np.asarray(BUFFER.elites(state).id).tolist())}
        free = CAPACITY - len(known[:CAPACITY])
        state, info = BUFFER.add(state, take(levels(scores, generation), order))
        known = sorted([*known[:CAPACITY], *((-score, generation, n) for n, score in enumerate(scores))])
        elites = BUFFER.elites(state)
        kept = {(int(-f), *map(int, id)) for f, id, v in zip(elites.fitness, elites.id, elites.valid) if v}
        assert kept == set(known[:CAPACITY])
        assert int(info.counts.added) == free
        assert (np.asarray(info.status) == 2).all() == (free > 0)
        for row, id in enumerate(np.asarray(elites.id).tolist()):
            assert before.get(tuple(id), row) == row, "an elite keeps its row"


def test_elites_that_are_added_again_change_nothing() -> None:
    state, _ = BUFFER.add(BUFFER.init(LEVEL), levels([3, 1, 2], 0))
    again, info = BUFFER.add(state, BUFFER.elites(state))
    assert_equal(again, state)
    assert int(info.counts.rejected) == 3
    merged, _ = compare.merge(BUFFER, BUFFER.elites(state), BUFFER.elites(state))
    assert sorted(BUFFER.elites(merged).fitness.tolist()) == sorted(BUFFER.elites(state).fitness.tolist())


def test_without_descriptors_tables_have_no_such_column(tmp_path) -> None:
    state, _ = BUFFER.add(BUFFER.init(LEVEL), levels([3, 1, 2], 0))
    columns = table.columns(BUFFER.spec, BUFFER.elites(state))
    assert list(columns) == ["cell", "fitness", "id", "parents", "emitter", "walls"]
    files.write_parquet(tmp_path / "levels.parquet", {"spec": BUFFER.spec}, columns)
    meta, read = files.read_parquet(tmp_path / "levels.parquet")
    assert_equal(table.rows_from_columns(meta["spec"], read, LEVEL), BUFFER.elites(state))
    assert len(files.frame(columns)) == 3


def test_descriptors_are_stored_for_pictures() -> None:
    buffer = compiled(BufferConfig(capacity=2).make(BOUNDS))
    batch = entries(jnp.zeros((2, 3)), jnp.array([1.0, 2.0]), jnp.array([[0.5, 9.0], [0.1, 2.0]]))
    state, info = buffer.add(buffer.init(jnp.zeros(3)), batch)
    assert buffer.elites(state).descriptor.tolist() == [[np.float32(0.1), 2.0], [0.5, 4.0]]
    assert int(info.counts.clipped) == 1


def test_every_elite_is_equally_likely() -> None:
    state, _ = BUFFER.add(BUFFER.init(LEVEL), levels([3, 1, 2], 0))
    drawn = BUFFER.sample(jax.random.key(0), state, 3000)
    counts = np.bincount(np.asarray(drawn.fitness, int), minlength=4)
    assert counts[0] == 0
    assert (np.abs(counts[1:] - 1000) < 120).all()


def test_what_does_not_fit_raises() -> None:
    with pytest.raises(ConfigError, match="capacity expects at least 1"):
        BufferConfig(capacity=0)
    described = entries({"walls": np.zeros((1, 2, 2), np.int8)}, np.ones(1, np.float32), np.zeros((1, 1), np.float32))
    with pytest.raises(ShapeError, match=r"descriptor float32\[1, 0\], got float32\[1, 1\]"):
        BUFFER.add(BUFFER.init(LEVEL), described)
