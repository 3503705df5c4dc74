"""The archive of cells against a dictionary, with few and with very many cells, and what it does when it is full."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives.base import Archive, Entries
from poet.archives.cell_index import hash_index, hash_key, number_cells
from poet.archives.cells import cells, grow
from poet.errors import ConfigError
from tests.archives.cases import assert_equal, compiled

FEW, MANY = (4, 4), (2**16, 2**16)  # a dense index, a hash index
BATCH, CAPACITY = 8, 12
POOL = np.random.default_rng(0).integers(0, 2**16, (9, 2)).astype(np.float32)  # of MANY
EXAMPLES = jnp.zeros((), jnp.int32), {"length": jnp.zeros((), jnp.int32)}


@functools.cache
def archive(shape: tuple[int, int], capacity: int = CAPACITY) -> Archive:
    return compiled(cells(shape, [(0, shape[0]), (0, shape[1])], capacity, tie_break=("length",)))


def batch_of(rows: list[tuple[int, int, int]], shape: tuple[int, int], generation: int) -> Entries:
    """Entries from (cell, fitness, length) each, padded; payloads are numbers."""
    where = POOL if shape == MANY else np.stack([np.arange(9) % 4, np.arange(9) // 4], axis=1).astype(np.float32)
    number = np.arange(BATCH)
    cell, fitness, length = np.resize(np.array(rows, np.int32).reshape(-1, 3), (BATCH, 3)).T
    return Entries(
        (100 * generation + number).astype(np.int32),
        fitness.astype(np.float32),
        where[cell] + 0.5,
        np.stack([np.full(BATCH, generation), number], axis=1).astype(np.uint32),
        np.full((BATCH, 2, 2), 0xFFFFFFFF, np.uint32),
        np.zeros(BATCH, np.int32),
        number < len(rows),
        {"length": length},
    )


ROWS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 2), st.integers(0, 2)), max_size=BATCH)


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(ROWS, max_size=6))
@pytest.mark.parametrize(("shape", "capacity"), [(FEW, 12), (MANY, 5)])
def test_it_is_a_dictionary(shape: tuple[int, int], capacity: int, batches: list[list[tuple[int, int, int]]]) -> None:
    """Higher fitness, then smaller length, then first; rows in the order in which cells are met."""
    made = archive(shape, capacity)
    state, known = made.init(*EXAMPLES), dict[int, tuple]()
    rows, met = list[int](), list[int]()
    for generation, batch in enumerate(batches):
        state, info = made.add(state, batch_of(batch, shape, generation))
        added = dropped = 0
        for number, (cell, fitness, length) in enumerate(batch):
            if cell not in met:
                met.append(cell)
                if len(rows) < capacity:
                    rows.append(cell)
                    added += 1
            if cell not in rows:
                dropped += 1
                assert int(info.cell[number]) == -1
                continue
            assert int(info.cell[number]) == rows.index(cell)
            if cell not in known or (-fitness, length) < known[cell][:2]:
                known[cell] = (-fitness, length, 100 * generation + number)
        assert int(info.counts.added) == added
        counts = info.counts
        assert int(counts.seen) == len(batch) == int(counts.added + counts.improved + counts.rejected)
        assert int(counts.rejected) >= dropped
    elites = made.elites(state)
    assert elites.valid.tolist() == [row < len(rows) for row in range(capacity)]
    found = zip(-elites.fitness, elites.extra["length"], elites.payload)
    assert [tuple(map(int, each)) for each, _ in zip(found, rows)] == [known[cell] for cell in rows]


@pytest.mark.slow
def test_an_archive_that_grows_has_the_rows_of_one_that_was_larger_from_the_start() -> None:
    small, large = archive(MANY, 9), archive(MANY, 40)
    first, second = (batch_of([(cell, 1, 1) for cell in range(k, k + 4)], MANY, k) for k in (0, 4))
    state, _ = small.add(small.init(*EXAMPLES), first)
    made, grown = grow(small, state, 40)
    grown, _ = compiled(made).add(grown, second)
    expected = large.init(*EXAMPLES)
    for batch in (first, second):
        expected, _ = large.add(expected, batch)
    assert_equal(large.elites(grown), large.elites(expected))
    with pytest.raises(ConfigError, match="expects at least the 9 rows of before, got 8"):
        grow(small, state, 8)


@pytest.mark.ci
def test_cells_without_a_row_get_one_after_growth() -> None:
    made = archive(MANY, 5)
    batch = batch_of([(cell, 1, 1) for cell in range(8)], MANY, 0)
    state, info = made.add(made.init(*EXAMPLES), batch)
    assert info.cell.tolist() == [0, 1, 2, 3, 4, -1, -1, -1]
    larger, state = grow(made, state, 16)
    _, info = compiled(larger).add(state, batch)
    assert info.cell.tolist() == list(range(8))


def test_an_index_without_free_slots_knows_what_it_knew() -> None:
    """The table is at most three quarters full, so that each search ends soon."""
    index, number = hash_index(4), jax.jit(number_cells)
    keys = hash_key(jnp.arange(40)[:, None])
    rank, valid = jnp.arange(8), jnp.ones(8, bool)
    for begin in range(0, 40, 8):
        index, _ = number(index, keys[begin : begin + 8], rank, valid)
    slots = index.number.shape[0]
    known = int(index.known)
    assert 0.5 * slots <= known <= 0.75 * slots
    _, found = number(index, keys[known - 8 : known], rank, valid)
    assert found.tolist() == list(range(known - 8, known))
    _, found = number(index, keys[known : known + 8], rank, valid)
    assert (found >= 2**30).all()


def test_keys_of_near_cells_differ() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(30)] * 4), axis=-1).reshape(-1, 4)
    keys = np.asarray(hash_key(jnp.asarray(grid)))
    assert len({key.tobytes() for key in keys}) == len(grid)
    slots = np.bincount(keys[:, 0] % 2**14, minlength=2**14)
    assert abs(slots.var() / slots.mean() - 1) < 0.05, "slots are taken as by chance"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capacity": 0}, "archive.capacity expects 1 to"),
        ({"shape": (3,)}, "shape expects a number of cells"),
        ({"shape": (2**30, 2)}, "too close for 1073741824 cells of float32"),
    ],
)
def test_impossible_options(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        cells(**{"shape": (4, 4), "bounds": [(0, 4), (0, 4)], "capacity": 8, **options})


def test_a_batch_that_is_too_large_for_the_capacity() -> None:
    made = cells(MANY, [(0, 2**16)] * 2, 1)
    entries = jax.tree.map(lambda leaf: np.resize(leaf, (20, *leaf.shape[1:])), batch_of([(0, 1, 1)], MANY, 0))
    with pytest.raises(ConfigError, match="batches of at most 6 entries with this capacity, got 20: raise"):
        made.add(made.init(*EXAMPLES), entries)
