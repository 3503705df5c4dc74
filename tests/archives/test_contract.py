"""The contract of archives: the tests that every archive in `tests/archives/cases.py` must pass."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives import make
from poet.archives.base import AddInfo, Archive
from poet.archives.layout import best_of_cells, num_objectives
from tests.archives.cases import EXAMPLE, NAMES, archive, assert_equal, batch, compiled, names, take
from tests.contracts.carried import check_carried

pytestmark = pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")


@pytest.fixture(params=NAMES)
def made(request: pytest.FixtureRequest) -> Archive:
    return archive(request.param)


def filled(made: Archive, count: int = 3):
    state = made.init(EXAMPLE)
    infos = []
    for iteration in range(count):
        state, info = made.add(state, batch(0, iteration=iteration, made=made))
        infos.append(info)
    return state, infos


def test_an_empty_archive_has_no_elites(made: Archive) -> None:
    state = made.init(EXAMPLE)
    assert not made.elites(state).valid.any()
    assert not made.sample(jax.random.key(0), state, 7).valid.any()
    assert all(leaf.size and not leaf.weak_type for leaf in jax.tree.leaves(state)), (
        "checkpoints cannot hold empty or weakly typed arrays"
    )


def test_what_it_carries_has_the_declared_types(made: Archive) -> None:
    state, infos = filled(made)
    check_carried(state)
    assert all(check_carried(each) for each in [*infos, made.elites(state), made.sample(jax.random.key(0), state, 7)])


def test_elites_are_entries_of_the_batches(made: Archive) -> None:
    state, _ = filled(made)
    elites = take(made.elites(state), np.flatnonzero(made.elites(state).valid))
    batches = [batch(0, iteration=i, made=made) for i in range(3)]
    entries = jax.tree.map(lambda *leaves: np.concatenate(leaves), *batches)
    assert len(elites.fitness) > 5
    for row in range(len(elites.fitness)):
        match = np.flatnonzero((entries.id == elites.id[row]).all(1))
        assert len(match) == 1
        assert_equal(take(elites, [row]), take(entries, match))


def test_counts_add_up(made: Archive) -> None:
    state, infos = filled(made)
    for info in infos:
        c = info.counts
        assert int(c.seen) == 32 == sum(map(int, (c.added, c.improved, c.rejected, c.not_finite, c.out_of_bounds)))
        assert int(info.stored.sum()) == int(c.added + c.improved)
        assert int(info.added.sum()) == int(c.added)
        assert not (info.added & ~info.stored).any()
    if num_objectives(made.spec) == 1:
        assert int(made.elites(state).valid.sum()) == sum(int(info.counts.added) for info in infos)
    else:  # a front can shrink, and "added" refers to a free cell
        cells = set(np.concatenate([np.asarray(info.cell)[np.asarray(info.added)] for info in infos]))
        assert cells == set(np.flatnonzero(best_of_cells(made.spec, made.elites(state))[1]))


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(32)), seed=st.integers(0, 5))
@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_a_batch_does_not_matter(name: str, order: list[int], seed: int) -> None:
    made = archive(name)
    first, _ = made.add(made.init(EXAMPLE), batch(seed, made=made))
    entries = batch(seed, iteration=1, made=made)
    plain, info = made.add(first, entries)
    shuffled, shuffled_info = made.add(first, take(entries, order))
    assert_equal(plain, shuffled)
    assert_equal(take_info(info, order), shuffled_info)


def take_info(info: AddInfo, order: list[int]) -> AddInfo:
    rows = jax.tree.map(lambda leaf: np.asarray(leaf)[np.asarray(order)], info[:-1])
    return AddInfo(*rows, info.counts)


def test_the_best_fitness_of_a_cell_never_decreases(made: Archive) -> None:
    state = made.init(EXAMPLE)
    best: dict[int, float] = {}
    for iteration in range(6):
        entries = batch(1, iteration=iteration, levels=50, made=made)
        state, info = made.add(state, entries)
        fitness, filled = best_of_cells(made.spec, made.elites(state))
        for cell in set(np.asarray(info.cell)) - {-1}:
            assert filled[cell]
            assert fitness[cell] >= best.get(cell, -np.inf)
            best[cell] = fitness[cell]


def test_nan_and_infinity_are_counted_and_not_stored(made: Archive) -> None:
    entries = batch(2, made=made)
    bad = jax.tree.map(np.copy, entries)
    bad.fitness.reshape(32, -1)[:3, 0] = np.nan, np.inf, -np.inf  # one such objective suffices
    bad.descriptor[3, 0], bad.descriptor[4, 1] = np.nan, -np.inf
    state, info = made.add(made.init(EXAMPLE), bad)
    assert int(info.counts.not_finite) == 5
    assert not info.stored[:5].any()
    assert (np.asarray(info.improvement[:5]) == -np.inf).all()
    assert (np.asarray(info.status[:5]) == 0).all()
    without, _ = made.add(made.init(EXAMPLE), entries._replace(valid=np.arange(32) >= 5))
    assert_equal(made.elites(state), made.elites(without))


@pytest.mark.few(1)
def test_padding_is_neither_stored_nor_counted(made: Archive) -> None:
    entries = batch(3, made=made)
    state, info = made.add(made.init(EXAMPLE), entries._replace(valid=np.arange(32) < 20))
    unpadded, unpadded_info = made.add(made.init(EXAMPLE), take(entries, range(20)))
    assert_equal(made.elites(state), made.elites(unpadded))
    assert_equal(info.counts, unpadded_info.counts)


def test_an_empty_batch_changes_nothing(made: Archive) -> None:
    state, _ = filled(made, 1)
    after, info = made.add(state, take(batch(1, made=made), np.arange(0)))
    assert_equal(after, state)
    assert not any(map(int, info.counts))
    assert all(each.shape == (0,) for each in info[:-1])


def test_samples_are_elites_and_every_elite_can_be_sampled(made: Archive) -> None:
    state, _ = filled(made)
    elites = made.elites(state)
    drawn = made.sample(jax.random.key(1), state, 2000)
    assert drawn.valid.all()
    ids = {tuple(id) for id in np.asarray(drawn.id)}
    assert ids == {tuple(id) for id in np.asarray(elites.id)[np.asarray(elites.valid)]}
    assert_equal(drawn, made.sample(jax.random.key(1), state, 2000))


@pytest.mark.parametrize("made", names(ci=("grid-thresholds",)), indirect=True)
def test_vmap_scan_and_donation_change_nothing(made: Archive) -> None:
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *(batch(4, iteration=i, made=made) for i in range(3)))
    scanned, _ = jax.lax.scan(made.add, made.init(EXAMPLE), stacked)
    donating = jax.jit(made.add, donate_argnums=0)
    donated = made.init(EXAMPLE)
    for iteration in range(3):
        donated, _ = donating(donated, batch(4, iteration=iteration, made=made))
    assert_equal(scanned, donated)
    states = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), made.init(EXAMPLE))
    mapped, _ = jax.vmap(made.add)(states, jax.tree.map(lambda leaf: leaf[:2], stacked))
    for lane in range(2):
        alone, _ = made.add(made.init(EXAMPLE), batch(4, iteration=lane, made=made))
        assert_equal(jax.tree.map(lambda leaf, lane=lane: np.asarray(leaf)[lane], mapped), alone)


@pytest.mark.parametrize("made", names("unstructured"), indirect=True)
def test_every_device_gives_the_same_state(made: Archive) -> None:
    devices = jax.local_devices()[:2]
    assert len(devices) == 2
    states = []
    for device in devices:
        state, entries = jax.device_put((made.init(EXAMPLE), batch(5, made=made)), device)
        states.append(made.add(state, entries)[0])
    for state in states[1:]:
        assert_equal(states[0], state)


@pytest.mark.few(1)
def test_batches_of_one_shape_compile_once(made: Archive) -> None:
    traces = []

    def add(state, entries):
        traces.append(1)
        return made.add(state, entries)

    compiled, state = jax.jit(add), made.init(EXAMPLE)
    for iteration in range(4):
        state, _ = compiled(state, batch(6, iteration=iteration, made=made))
    assert len(traces) == 1


def test_a_spec_is_json_and_makes_the_same_archive(made: Archive) -> None:
    again = compiled(make(json.loads(json.dumps(dict(made.spec)))))
    assert dict(again.spec) == dict(made.spec)
    assert_equal(filled(made)[0], filled(again)[0])
