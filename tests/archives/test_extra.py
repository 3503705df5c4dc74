"""Extra fields of entries, and comparisons that use them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives import BufferConfig, CVTConfig, GridConfig, compare, files, table
from poet.archives.base import Entries
from poet.archives.pyribs import to_pyribs
from poet.errors import ConfigError, ShapeError
from tests.archives.cases import BOUNDS, EXAMPLE, NAMES, archive, assert_equal, batch, compiled_from, take

EXTRA = {"length": jnp.zeros((), jnp.int32), "path": jnp.zeros(2)}
TIE_BREAKS = {
    "grid": GridConfig(shape=(2, 2), tie_break=("length", "cost")),
    "cvt": CVTConfig(num_cells=4, tie_break=("length", "cost")),
    "buffer": BufferConfig(capacity=5, tie_break=("length", "cost")),
}


def with_extra(entries: Entries, seed: int = 0) -> Entries:
    """Random lengths of few levels, so that ties are common, and paths."""
    rng = np.random.default_rng([seed, 9])
    size = len(entries.valid)
    length = rng.integers(0, 3, size).astype(np.int32)
    return entries._replace(extra={"length": length, "path": rng.normal(size=(size, 2)).astype(np.float32)})


@pytest.mark.few(2)
@pytest.mark.parametrize("name", NAMES)
def test_extra_fields_travel_with_elites(name: str) -> None:
    made = archive(name)
    state = made.init(EXAMPLE, EXTRA)
    batches = [with_extra(batch(0, iteration=i, made=made), i) for i in range(3)]
    for each in batches:
        state, _ = made.add(state, each)
    elites = take(made.elites(state), np.flatnonzero(made.elites(state).valid))
    everything = jax.tree.map(lambda *leaves: np.concatenate(leaves), *batches)
    assert len(elites.fitness) > 5
    for row in range(len(elites.fitness)):
        match = np.flatnonzero((everything.id == elites.id[row]).all(1))
        assert_equal(take(elites, [row]), take(everything, match))
    drawn = made.sample(jax.random.key(0), state, 50)
    for row in range(50):
        assert_equal(take(drawn, [row]), take(everything, np.flatnonzero((everything.id == drawn.id[row]).all(1))))


def test_extra_fields_are_columns_and_come_back() -> None:
    made = archive("grid")
    state, _ = made.add(made.init(EXAMPLE, EXTRA), with_extra(batch(0)))
    columns = table.columns(made.spec, made.elites(state))
    assert columns["extra.length"].dtype == np.int32
    assert columns["extra.path"].shape == (len(columns["fitness"]), 2)
    assert_equal(table.rows_from_columns(made.spec, columns, EXAMPLE), made.elites(state))
    assert {"extra.length", "extra.path_0", "extra.path_1"} <= {*files.frame(columns)}
    assert list(to_pyribs(columns))[:4] == ["solution_0", "solution_1", "solution_2", "solution_3"]
    assert list(to_pyribs(columns))[4] == "objective"
    merged, _ = compare.merge(made, made.elites(state), table.entries_from_columns(columns, EXAMPLE))
    assert_equal(made.elites(merged), made.elites(state))


def test_a_payload_cannot_take_the_column_of_an_extra_field() -> None:
    assert table.payload_names({"extra": {"length": np.zeros(1)}}) == ["payload.extra.length"]


def entries_of(rows: list[tuple[int, int, int, int]], iteration: int) -> Entries:
    """Rows of (place, fitness, length, cost)."""
    place, fitness, length, cost = np.array(rows).T
    size = len(place)
    whole = batch(0, size=size, iteration=iteration)
    corners = np.array([[-0.5, 1.0], [0.5, 1.0], [-0.5, 3.0], [0.5, 3.0]], np.float32)
    return whole._replace(
        descriptor=corners[place],
        fitness=fitness.astype(np.float32),
        extra={"length": length.astype(np.int32), "cost": cost.astype(np.float32)},
    )


small = st.integers(0, 2)
blocks = st.lists(st.lists(st.tuples(st.integers(0, 3), small, small, small), min_size=12, max_size=12), max_size=4)


@settings(max_examples=30, deadline=None)
@given(blocks=blocks, seed=st.integers(0, 99))
@pytest.mark.parametrize("name", TIE_BREAKS)
def test_of_equally_fit_entries_the_smaller_fields_win_and_then_the_smaller_id(name: str, blocks, seed: int) -> None:
    made = compiled_from(TIE_BREAKS[name])
    state = made.init(EXAMPLE, {"length": jnp.int32(0), "cost": jnp.float32(0)})
    known: dict[int, list] = {}
    for iteration, rows in enumerate(blocks):
        order = np.random.default_rng(seed).permutation(len(rows))
        state, info = made.add(state, take(entries_of(rows, iteration), order))
        cell = np.empty(len(rows), int)
        cell[order] = info.cell
        for number, (_, fitness, length, cost) in enumerate(rows):
            known.setdefault(cell[number], []).append((-fitness, length, cost, iteration, number))
        kept = {each for rows in known.values() for each in sorted(rows)[: 5 if name == "buffer" else 1]}
        elites = take(made.elites(state), np.flatnonzero(made.elites(state).valid))
        found = zip(-elites.fitness, elites.extra["length"], elites.extra["cost"], *elites.id.T)
        assert {tuple(int(value) for value in each) for each in found} == kept
        stored = {tuple(id) for id in take(entries_of(rows, iteration), order).id[np.asarray(info.stored)].tolist()}
        assert stored == {each[3:] for each in kept if each[3] == iteration}


@pytest.mark.few(1)
@pytest.mark.parametrize("name", TIE_BREAKS)
def test_entries_whose_compared_field_is_not_finite_are_counted_and_not_stored(name: str) -> None:
    made = compiled_from(TIE_BREAKS[name])
    entries = entries_of([(0, 1, 1, 1), (1, 1, 1, 1)] * 6, 0)
    entries.extra["cost"][:2] = np.nan, np.inf
    state, info = made.add(made.init(EXAMPLE, {"length": jnp.int32(0), "cost": jnp.float32(0)}), entries)
    assert int(info.counts.not_finite) == 2
    assert not info.stored[:2].any()
    assert np.isfinite(made.elites(state).extra["cost"][made.elites(state).valid]).all()


def test_thresholds_and_comparisons_work_together() -> None:
    made = compiled_from(GridConfig(shape=(2, 2), tie_break=("length",), learning_rate=0.5, threshold_min=-1.0))
    entries = with_extra(batch(0, levels=2))
    state, _ = made.add(made.init(EXAMPLE, EXTRA), entries)
    plain = compiled_from(GridConfig(shape=(2, 2), tie_break=("length",)))
    assert_equal(made.elites(state), plain.elites(plain.add(plain.init(EXAMPLE, EXTRA), entries)[0]))


def test_fields_that_do_not_fit_raise() -> None:
    grid, by_length = archive("grid"), TIE_BREAKS["grid"].make(BOUNDS)
    with pytest.raises(ShapeError, match="extra fields that `init` received, none; got length, path"):
        grid.add(grid.init(EXAMPLE), with_extra(batch(0)))
    with pytest.raises(ShapeError, match="extra fields that `init` received, length, path; got none"):
        grid.add(grid.init(EXAMPLE, EXTRA), batch(0))
    with pytest.raises(ShapeError, match=r"expected length float32\[32\], got int32"):
        grid.add(grid.init(EXAMPLE, {**EXTRA, "length": jnp.zeros(())}), with_extra(batch(0)))
    with pytest.raises(ConfigError, match=r"archive.tie_break expects names of extra fields .* none; got 'length'"):
        by_length.init(EXAMPLE)
    with pytest.raises(ConfigError, match="fields of one number for each entry; 'cost' is another"):
        by_length.init(EXAMPLE, {"length": jnp.int32(0), "cost": jnp.zeros(2)})
    with pytest.raises(ConfigError, match="tie_break expects a tuple"):
        GridConfig(tie_break="length")  # type: ignore[arg-type]
