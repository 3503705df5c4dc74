"""What every selection must keep, on archives of every kind. A package adds its own to `cases`, or is installed."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives import (
    BufferConfig,
    GridConfig,
    LeastChosenConfig,
    ParetoConfig,
    SelectionConfig,
    UniformConfig,
    UnstructuredConfig,
    WeightedConfig,
    compare,
)
from poet.archives.base import Archive, Entries
from poet.archives.layout import NO_PARENT, num_objectives
from poet.archives.select import COUNTERS, Selection, count_only, draw_rows, merge_counters, with_selection
from poet.archives.selections import selections
from poet.errors import ConfigError, ContractError, ShapeError
from poet.runs.checkpoint import check_state
from poet_curriculum.config import PromisingConfig
from tests.archives.cases import BOUNDS, EXAMPLE, assert_equal, batch, compiled, take
from tests.contracts.cases import installed, parameters

ARCHIVES = {
    "grid": GridConfig(shape=(4, 3)),
    "pareto": ParetoConfig(shape=(2, 2), front_size=4),
    "unstructured": UnstructuredConfig(capacity=12, min_distance=0.4),
    "buffer": BufferConfig(capacity=12),
}


def later(name: str) -> pytest.MarkDecorator:
    """When cases of an archive run that are not among the default ones."""
    return pytest.mark.slow if name in ("pareto", "unstructured") else pytest.mark.ci


def cases() -> list[SelectionConfig]:
    """All installed selections, and others with the options that change their code."""
    weighted = [WeightedConfig(weight="softmax", temperature=2.0), WeightedConfig(weight="proportional")]
    least = [LeastChosenConfig(counter="chosen_since_new"), LeastChosenConfig(counter="seen", power=1.0)]
    return [*installed(selections), PromisingConfig(), *weighted, *least]


def select(config: SelectionConfig, name: str = "grid") -> Archive:
    selection = config.make()
    if "seen" in selection.counters and name in ("unstructured", "buffer"):
        pytest.skip("there are no cells")
    return compiled(with_selection(ARCHIVES[name].make(BOUNDS), selection))


def children(made: Archive, state: Any, iteration: int, size: int = 24) -> Entries:
    """A batch whose parents are drawn from the archive; some have none."""
    entries = batch(7, size=size, iteration=iteration, made=made)
    rng = np.random.default_rng(iteration)
    drawn = made.sample(jax.random.key(iteration), state, 2 * size)
    id = np.where(np.asarray(drawn.valid)[:, None], drawn.id, NO_PARENT)
    parents = np.where(rng.random((2 * size, 1)) < 0.8, id, NO_PARENT)
    return entries._replace(parents=parents.reshape(size, 2, 2).astype(np.uint32))


def filled(made: Archive, count: int = 3) -> Any:
    state = made.init(EXAMPLE)
    for iteration in range(count):
        state, _ = made.add(state, children(made, state, iteration))
        check_state(state)
    return state


@pytest.fixture(scope="module", params=parameters(cases()))
def config(request: pytest.FixtureRequest) -> SelectionConfig:
    return request.param


@pytest.mark.parametrize(
    "name", ["grid", *(pytest.param(name, marks=later(name)) for name in ARCHIVES if name != "grid")]
)
def test_it_draws_elites_only_and_by_its_weights(config: SelectionConfig, name: str) -> None:
    made = select(config, name)
    state = filled(made)
    elites = made.elites(state)
    assert not made.sample(jax.random.key(0), made.init(EXAMPLE), 5).valid.any()
    drawn = made.sample(jax.random.key(0), state, 20_000)
    assert drawn.valid.all()
    assert_equal(drawn, made.sample(jax.random.key(0), state, 20_000))
    row_of = {tuple(id): row for row, id in enumerate(np.asarray(elites.id).tolist()) if elites.valid[row]}
    rows = np.array([row_of[tuple(id)] for id in np.asarray(drawn.id).tolist()])
    assert_equal(drawn, take(elites, rows))
    weights = config.make().weights
    if weights is None:
        return
    expected = np.where(elites.valid, weights(elites), 0)
    assert expected.shape == elites.valid.shape
    assert np.isfinite(expected).all()
    assert (expected >= 0).all()
    expected = expected if expected.any() else np.asarray(elites.valid, float)
    share = np.bincount(rows, minlength=len(expected)) / len(rows)
    np.testing.assert_allclose(share, expected / expected.sum(), atol=0.02)
    assert not share[expected == 0].any()


def test_it_is_traced_once(config: SelectionConfig) -> None:
    selection = config.make()
    if selection.weights is None:
        pytest.skip("the archive's own distribution")
    traces, weights = [], selection.weights

    def traced(elites: Entries, /) -> Any:
        traces.append(1)
        return weights(elites)

    made = compiled(with_selection(ARCHIVES["grid"].make(BOUNDS), selection._replace(weights=traced)))
    state = filled(made)
    for seed in range(4):
        made.sample(jax.random.key(seed), state, 48)
    assert len(traces) == 1


def test_counters_are_those_that_exist(config: SelectionConfig) -> None:
    assert set(config.make().counters) <= set(COUNTERS)


def test_the_order_of_a_batch_does_not_matter(config: SelectionConfig) -> None:
    made = select(config)
    state = filled(made, 1)
    entries = children(made, state, 1)
    order = np.random.default_rng(0).permutation(24)
    assert_equal(made.add(state, entries)[0], made.add(state, take(entries, order))[0])


def test_uniform_is_the_archive_itself() -> None:
    archive = ARCHIVES["grid"].make(BOUNDS)
    assert with_selection(archive, UniformConfig().make()) is archive


ALL_COUNTERS = Selection(lambda elites: jnp.ones(elites.valid.shape), COUNTERS)
CHOSEN = ALL_COUNTERS._replace(counters=("chosen", "chosen_since_new"))
COUNTING = {
    name: compiled(with_selection(config.make(BOUNDS), ALL_COUNTERS if name in ("grid", "pareto") else CHOSEN))
    for name, config in ARCHIVES.items()
}


@settings(max_examples=15, deadline=None)
@given(seeds=st.lists(st.integers(0, 999), min_size=1, max_size=4), padding=st.integers(0, 8))
@pytest.mark.parametrize("name", [*ARCHIVES][:1] + [pytest.param(name, marks=later(name)) for name in [*ARCHIVES][1:]])
def test_counters_are_those_of_a_plain_loop(name: str, seeds: list[int], padding: int) -> None:
    made = COUNTING[name]
    state = made.init(EXAMPLE)
    known: dict[tuple, dict[str, int]] = {}  # by id
    cell_of: dict[tuple, int] = {}
    for iteration, seed in enumerate(seeds):
        entries = children(made, state, iteration)
        rng = np.random.default_rng(seed)
        entries = entries._replace(valid=np.arange(24) < 24 - padding)
        entries.fitness.reshape(24, -1)[rng.random(24) < 0.1] = np.nan
        state, info = made.add(state, entries)
        for row in np.flatnonzero(entries.valid):
            for parent in {*map(tuple, entries.parents[row].tolist())} & known.keys():
                times = entries.parents[row].tolist().count(list(parent))
                known[parent]["chosen"] += times
                known[parent]["chosen_since_new"] += times
        for row in np.flatnonzero(info.stored):
            for parent in {*map(tuple, entries.parents[row].tolist())} & known.keys():
                known[parent]["chosen_since_new"] = 0
        for row in np.flatnonzero(np.asarray(info.cell) >= 0):
            for id in known:
                known[id]["seen"] += cell_of[id] == info.cell[row]
        for row in np.flatnonzero(info.stored):
            id = tuple(entries.id[row].tolist())
            known[id], cell_of[id] = dict.fromkeys(COUNTERS, 0), int(info.cell[row])
        elites = take(made.elites(state), np.flatnonzero(made.elites(state).valid))
        ids = [tuple(id) for id in elites.id.tolist()]
        known = {id: known[id] for id in ids}
        for counter, column in elites.extra.items():
            assert column.tolist() == [known[id][counter] for id in ids]


def chosen(rows: Entries) -> dict[tuple, int]:
    """The counter of each elite by its id."""
    return {tuple(rows.id[row].tolist()): int(rows.extra["chosen"][row]) for row in np.flatnonzero(rows.valid)}


def test_elites_of_another_archive_keep_their_counters_and_count_for_nothing() -> None:
    made = COUNTING["grid"]
    state = filled(made)
    elites = made.elites(state)
    assert elites.extra["chosen"].any()
    assert_equal(made.elites(made.add(made.init(EXAMPLE), elites)[0]).extra, elites.extra)
    later, _ = made.add(state, children(made, state, 3))
    merged, _ = compare.merge(made, elites, made.elites(later))
    assert chosen(made.elites(merged)).items() <= {**chosen(elites), **chosen(made.elites(later))}.items()
    assert_equal(compare.merge(made, made.elites(later), elites)[0], merged)


@pytest.mark.parametrize("name", [*ARCHIVES][:1] + [pytest.param(name, marks=later(name)) for name in [*ARCHIVES][1:]])
def test_islands_that_are_merged_have_counted_together(name: str) -> None:
    made = COUNTING[name]
    before = filled(made)
    islands = [made.add(before, children(made, before, 10 + island))[0] for island in range(3)]
    merged = islands[0]
    for island in islands[1:]:
        merged, _ = made.add(merged, made.elites(island))
    found = merge_counters(made.elites(before), [made.elites(each) for each in islands], made.elites(merged))

    base, after = chosen(made.elites(before)), [chosen(made.elites(each)) for each in islands]
    rows = made.elites(merged)
    for row in np.flatnonzero(rows.valid):
        id = tuple(rows.id[row].tolist())
        total = base.get(id, 0) + sum(each[id] - base.get(id, 0) for each in after if id in each)
        assert int(found["chosen"][row]) == total
    assert (np.asarray(found["chosen_since_new"]) >= 0).all()
    assert (np.asarray(found["chosen_since_new"]) <= np.asarray(found["chosen"])).all()


def test_what_is_only_counted_counts_as_what_is_not_good_enough() -> None:
    made = COUNTING["grid"]
    state = filled(made)
    rejected = children(made, state, 3)
    rejected = rejected._replace(fitness=np.full_like(rejected.fitness, -1e9), id=rejected.id + np.uint32(1))
    rejected.fitness[:3] = np.nan
    _, info = made.add(state, rejected)
    in_filled = np.asarray(info.cell) >= 0
    in_filled &= np.asarray(made.elites(state).valid)[np.maximum(info.cell, 0)]
    assert in_filled.sum() > 3
    rejected = rejected._replace(valid=in_filled)
    expected, info = made.add(state, rejected)
    assert not info.stored.any()
    counting = with_selection(ARCHIVES["grid"].make(BOUNDS), ALL_COUNTERS)
    count = jax.jit(functools.partial(count_only, counting, ALL_COUNTERS))
    assert_equal(count(state, rejected), expected)
    better = rejected._replace(fitness=np.where(in_filled, 1e9, np.nan).astype(np.float32))
    assert_equal(count(state, better), expected)


def test_what_cannot_be_counted_or_scored_raises() -> None:
    grid, buffer = ARCHIVES["grid"].make(BOUNDS), ARCHIVES["buffer"].make(BOUNDS)
    with pytest.raises(ContractError, match="counters of chosen, chosen_since_new, seen; got visits"):
        with_selection(grid, ALL_COUNTERS._replace(counters=("visits",)))
    with pytest.raises(ConfigError, match="archive 'buffer' has no cells"):
        with_selection(buffer, LeastChosenConfig(counter="seen").make())
    with pytest.raises(ConfigError, match="archive with `with_extra`"):
        with_selection(grid._replace(with_extra=None), LeastChosenConfig().make())
    partly = batch(0)._replace(extra={"seen": np.zeros(32, np.int32)})
    with pytest.raises(ShapeError, match="chosen, chosen_since_new, seen; got seen"):
        COUNTING["grid"].add(COUNTING["grid"].init(EXAMPLE), partly)
    by_length = with_selection(grid, WeightedConfig(score="length").make())
    with pytest.raises(ConfigError, match="score expects one of fitness; got 'length'"):
        by_length.sample(jax.random.key(0), by_length.init(EXAMPLE), 3)
    for bad in (lambda: WeightedConfig(temperature=0.0), lambda: LeastChosenConfig(power=-1.0)):
        with pytest.raises(ConfigError, match="expects a positive number"):
            bad()


def test_a_score_may_be_an_extra_field() -> None:
    grid = ARCHIVES["grid"].make(BOUNDS)
    by_age = compiled(with_selection(grid, WeightedConfig(score="age", weight="proportional").make()))
    entries = batch(0, size=2)._replace(
        descriptor=np.array([[-0.9, 0.1], [0.9, 3.9]], np.float32), extra={"age": np.array([1.0, 5.0], np.float32)}
    )
    state, _ = by_age.add(by_age.init(EXAMPLE, {"age": jnp.float32(0)}), entries)
    drawn = by_age.sample(jax.random.key(0), state, 100)
    assert (drawn.extra["age"] == 5).all()
    assert num_objectives(by_age.spec) == 1


DRAW = jax.jit(draw_rows, static_argnums=3)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([1, 33, 3000]), st.floats(0, 1), st.integers(0, 99))
def test_rows_of_weight_0_are_never_drawn(size: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random(size) < share, 10.0 ** rng.uniform(-30, 30, size), 0.0).astype(np.float32)
    valid = rng.random(size) < 0.7
    rows = np.asarray(DRAW(jax.random.key(seed), jnp.asarray(weights), jnp.asarray(valid), 500))
    allowed = valid & (weights > 0)
    assert (allowed if allowed.any() else valid if valid.any() else np.arange(size) == 0)[rows].all()
