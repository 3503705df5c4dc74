"""The contract of emitters. A package tests its emitters by adding them to `emitter_cases`."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives.base import entries
from poet.archives.config import GridConfig
from poet.archives.layout import NO_PARENT
from poet.search.map_elites.base import Emitter, EmitterContext
from poet.search.map_elites.config import (
    CrossoverConfig,
    EmitterConfig,
    ESEmitterConfig,
    GaussianConfig,
    IsoLineConfig,
    PolynomialConfig,
)
from tests.contracts.carried import check_carried
from tests.search.helpers import assert_equal_trees

NUM_PARAMS, POPULATION, COUNT = 5, 6, 2
BATCH = POPULATION * COUNT
BOUNDS = (-0.75, 0.75)
ARCHIVE = GridConfig(shape=(4, 4)).make([(-1.0, 1.0), (-1.0, 1.0)])
EMPTY = ARCHIVE.init(jnp.zeros(NUM_PARAMS))


def emitter_cases() -> list[EmitterConfig]:
    """All emitters, with the options that change their code."""
    return [
        IsoLineConfig(),
        GaussianConfig(),
        PolynomialConfig(rate=0.5),
        CrossoverConfig(rate=0.5),
        ESEmitterConfig(),
        ESEmitterConfig(strategy="Open_ES", ranking="fitness", max_generations=2),
        ESEmitterConfig(strategy="SimpleGA", ranking="improvement", restart="collapsed"),
    ]


def emitter_parameters() -> list:
    """The cases; those of one kind of code run by default, the others in CI."""
    default = ("iso-line", "Open_ES")
    return [
        pytest.param(config, id=name, marks=[] if name in default else [pytest.mark.ci])
        for config in emitter_cases()
        for name in [getattr(config, "strategy", config.id)]
    ]


class Run(NamedTuple):
    """Three generations of an emitter.

    Attributes:
      emitter: the emitter.
      states: its state before each generation and after the last.
      archives: the archive in the same order.
      offspring: of each generation.
      traces: how often `emit` and `tell` were traced.
    """

    emitter: Emitter
    states: list
    archives: list
    offspring: list
    traces: list


def run(config: EmitterConfig) -> Run:
    def sample(key):
        return 0.5 * jax.random.normal(key, (NUM_PARAMS,))

    emitter = config.make(EmitterContext(ARCHIVE, sample, NUM_PARAMS, POPULATION, COUNT, BOUNDS))
    traces = []

    @jax.jit
    def emit(*args):
        traces.append("emit")
        return emitter.emit(*args)

    @jax.jit
    def tell(key, state, archive_state, offspring, number):
        traces.append("tell")
        params = offspring.params
        # One solution fails in each generation.
        fitness = -jnp.square(params).sum(axis=1).at[0].set(jnp.nan)
        batch = entries(params, fitness, jnp.tanh(params[:, :2]), generation=number, parents=offspring.parents)
        archive_state, info = ARCHIVE.add(archive_state, batch)
        return emitter.tell(key, state, archive_state, params, fitness, info), archive_state

    states, archives, offspring = [jax.jit(emitter.init)(jax.random.key(0))], [EMPTY], []
    for number in range(3):
        key = jax.random.key(number)
        state, made = emit(key, states[-1], archives[-1])
        state, archive_state = tell(key, state, archives[-1], made, jnp.uint32(number))
        states.append(state)
        archives.append(archive_state)
        offspring.append(made)
    return Run(emitter, states, archives, offspring, traces)


@pytest.fixture(scope="module", params=emitter_parameters())
def done(request: pytest.FixtureRequest) -> Run:
    return run(request.param)


def test_shapes_and_dtypes(done: Run) -> None:
    assert done.emitter.batch == BATCH
    for made in done.offspring:
        check_carried(made)
        assert (made.params.shape, made.params.dtype) == ((BATCH, NUM_PARAMS), jnp.float32)
        assert (made.parents.shape, made.parents.dtype) == ((BATCH, 2, 2), jnp.uint32)
        assert (made.emitter.shape, made.emitter.dtype) == ((BATCH,), jnp.int32)
        assert (np.asarray(made.emitter) == 0).all()


def test_solutions_are_finite_and_within_the_bounds_once_there_are_elites(done: Run) -> None:
    for made in done.offspring:
        assert np.isfinite(made.params).all()
    for made in done.offspring[1:]:
        assert np.abs(made.params).max() <= max(BOUNDS)


def test_an_empty_archive_gives_solutions_without_parents(done: Run) -> None:
    assert (np.asarray(done.offspring[0].parents) == NO_PARENT).all()


def test_parents_are_in_the_archive_or_were(done: Run) -> None:
    known = {(int(NO_PARENT), int(NO_PARENT))}
    for made, archive_state in zip(done.offspring, done.archives):
        elites = jax.tree.map(np.asarray, ARCHIVE.elites(archive_state))
        known |= {tuple(id) for id in elites.id[elites.valid].tolist()}
        assert {tuple(id) for id in np.asarray(made.parents).reshape(-1, 2).tolist()} <= known


def test_the_same_key_gives_the_same_offspring(done: Run) -> None:
    again = jax.jit(done.emitter.emit)(jax.random.key(1), done.states[1], done.archives[1])[1]
    assert_equal_trees(again, done.offspring[1])
    other = jax.jit(done.emitter.emit)(jax.random.key(9), done.states[1], done.archives[1])[1]
    assert not np.array_equal(other.params, done.offspring[1].params)


def test_the_state_keeps_its_structure_so_nothing_is_traced_again(done: Run) -> None:
    assert sorted(done.traces) == ["emit", "tell"]
    shapes = [jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.weak_type), state) for state in done.states]
    assert all(each == shapes[0] for each in shapes)


def test_the_state_can_be_saved(done: Run) -> None:
    from poet.runs.checkpoint import check_state

    for state in done.states:
        check_state(state)
