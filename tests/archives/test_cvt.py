"""The CVT archive compared with a naive implementation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives import make
from poet.archives.base import entries
from poet.archives.cvt import cvt
from poet.errors import ConfigError, ShapeError
from tests.archives.cases import BOUNDS, EXAMPLE, archive, batch

FOUR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
UNIT = [(0, 1), (0, 1)]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), levels=st.integers(1, 6))
def test_equals_one_entry_at_a_time(seed: int, levels: int) -> None:
    made = archive("cvt")
    state = made.init(EXAMPLE)
    centroids = np.asarray(state.index.centroids)
    cells: dict[int, tuple] = {}
    for iteration in range(3):
        given_ = batch(seed, iteration=iteration, levels=levels)
        state, info = made.add(state, given_)
        for b in range(32):
            cell = int(np.square(centroids - given_.descriptor[b]).sum(1).argmin())
            assert int(info.cell[b]) == cell
            offer = (float(given_.fitness[b]), *(-int(part) for part in given_.id[b]))
            cells[cell] = max(cells.get(cell, offer), offer)
    elites = jax.device_get(made.elites(state))
    found = {int(c): (float(elites.fitness[c]), *-elites.id[c].astype(int)) for c in np.flatnonzero(elites.valid)}
    assert found == cells


@pytest.mark.ci
def test_user_defined_centroids_are_part_of_the_spec() -> None:
    made = cvt(4, UNIT, centroids=FOUR)
    assert made.spec["centroids"] == FOUR
    for each in (made, make(made.spec)):
        descriptor = jnp.array([[0.9, 0.2], [0.1, 0.1], [0.4, 0.9]])
        _, info = each.add(each.init(jnp.zeros(1)), entries(jnp.zeros((3, 1)), jnp.ones(3), descriptor))
        assert info.cell.tolist() == [2, 0, 1]


def test_centroids_of_the_state_are_used() -> None:
    """A resumed state keeps its centroids, even where another machine would compute different ones."""
    made = archive("cvt")
    state = made.init(EXAMPLE)
    reversed_index = jax.tree.map(lambda leaf: leaf[::-1] if leaf.shape[0] == 15 else leaf, state.index)
    moved = state._replace(index=reversed_index._replace(positions=reversed_index.centroids[None]))
    assert (made.add(state, batch(0))[1].cell == 14 - made.add(moved, batch(0))[1].cell).all()


@pytest.mark.ci
def test_descriptors_out_of_bounds_are_clipped_or_rejected() -> None:
    far = jnp.array([[7.0, 0.2], [-1e30, 1e30], [0.5, 0.6]])
    given_ = entries(jnp.zeros((3, 1)), jnp.ones(3), far)
    clipping, rejecting = (cvt(4, UNIT, centroids=FOUR, out_of_bounds=rule) for rule in ("clip", "reject"))
    _, clipped = clipping.add(clipping.init(jnp.zeros(1)), given_)
    _, rejected = rejecting.add(rejecting.init(jnp.zeros(1)), given_)
    assert (clipped.cell.tolist(), int(clipped.counts.clipped)) == ([2, 1, 1], 2)
    assert (rejected.cell.tolist(), int(rejected.counts.out_of_bounds)) == ([-1, -1, 1], 2)


def test_donating_a_state_does_not_affect_other_states() -> None:
    made = archive("cvt")
    donating = jax.jit(made.add, donate_argnums=0)
    first, _ = donating(made.init(EXAMPLE), batch(0))
    again, _ = donating(made.init(EXAMPLE), batch(0))
    jax.tree.map(np.testing.assert_array_equal, first, again)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_cells": 5, "centroids": FOUR}, ShapeError, r"centroids \[5, 2\].*got \[4, 2\]"),
        ({"num_cells": 4, "centroids": np.zeros((4, 3))}, ShapeError, r"got \[4, 3\]"),
        ({"num_cells": 0, "centroids": np.zeros((0, 2))}, ShapeError, r"got \[0, 2\]"),
        ({"num_cells": 4, "centroids": 2 * np.array(FOUR)}, ConfigError, "within the bounds"),
        ({"num_cells": 4, "centroids": np.full((4, 2), np.nan)}, ConfigError, "within the bounds"),
        ({"num_cells": 2, "centroids": [[0.5, 0.5], [0.5, 0.5]]}, ConfigError, "distinct"),
        ({"num_cells": 0}, ConfigError, "at least one cell"),
        ({"num_cells": 9, "samples": 8}, ConfigError, "as many samples as cells"),
    ],
)
def test_impossible_options_raise(options: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        cvt(bounds=UNIT, **options)


def test_bounds_are_checked() -> None:
    with pytest.raises(ConfigError, match="low below its high"):
        cvt(4, [(1, 1)])
    assert cvt(15, BOUNDS, samples=300).spec["bounds"] == BOUNDS
