"""The weights of cells, compared with a plain loop over a dictionary of cells."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives.base import entries
from poet.archives.cells import cells
from poet.errors import ConfigError
from poet.search.go_explore.bonus import bonus
from poet.search.go_explore.choose import choose
from poet.search.go_explore.config import BonusConfig, GoExploreConfig
from poet.search.go_explore.selections import CountsConfig
from poet.search.go_explore.state import empty_counters

NAMES = ("level", "x", "y", "keys")
CAPACITY, SIZE = 64, 24
CONFIG = BonusConfig(
    neighbours=("x", "y"),
    neighbour_weights=(0.25, 0.5),
    values=("keys",),
    value_weights=(2.0,),
    most="keys",
    most_weight=8.0,
    level="level",
    level_factor=0.5,
)
PLACES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=SIZE
)


def filled(places: list[tuple[int, ...]], shape: tuple[int, ...]) -> Any:
    archive = cells(shape, [(0, each) for each in shape], CAPACITY)
    padded = np.array((places * SIZE)[:SIZE], np.float32) + 0.5
    batch = entries(jnp.zeros((SIZE, 1)), jnp.zeros(SIZE), jnp.asarray(padded))
    state, _ = archive.add(archive.init(jnp.zeros(1)), batch)
    return archive, state


@pytest.mark.ci
@pytest.mark.few(1)
@pytest.mark.parametrize("shape", [(3, 5, 5, 4), (3, 5, 5, 10**6)], ids=["dense", "hash"])
@settings(max_examples=6, deadline=None)
@given(places=PLACES)
def test_a_bonus_is_what_a_loop_over_the_cells_gives(shape: tuple[int, ...], places: list[tuple[int, ...]]) -> None:
    archive, state = filled(places, shape)
    elites = archive.elites(state)
    given = bonus(CONFIG, archive, NAMES)(state, elites)
    known = set(places[:SIZE])
    highest = max(level for level, *_ in known)
    for row in np.flatnonzero(elites.valid):
        level, x, y, keys = (int(value) for value in np.floor(elites.descriptor[row]))
        missing_x = sum(0 <= x + step < 5 and (level, x + step, y, keys) not in known for step in (-1, 1))
        missing_y = sum(0 <= y + step < 5 and (level, x, y + step, keys) not in known for step in (-1, 1))
        most = keys == max(k for l, a, b, k in known if (l, a, b) == (level, x, y))
        assert float(given.add[row]) == 0.25 * missing_x + 0.5 * missing_y + 2.0 * keys + 8.0 * most
        assert float(given.factor[row]) == 0.5 ** (highest - level)


def test_cells_are_drawn_by_the_weights_with_their_bonus() -> None:
    """A cell at the lower level is drawn in proportion, and each draw counts before the next."""
    archive, state = filled([(0, 0, 0, 0), (1, 0, 0, 0)], (3, 5, 5, 4))
    config = GoExploreConfig(
        batch=4000, draw=1000, selection=CountsConfig(seen=0.0, chosen=0.0), bonus=BonusConfig(level="level")
    )
    chosen = choose(config, config.selection.make(), archive, NAMES)
    counters, rows = jax.jit(chosen)(jax.random.key(0), state, empty_counters(CAPACITY))
    low = int((np.asarray(rows) == 0).sum())
    assert 300 < low < 430, "a share of 1 / 11"
    assert counters.seen[:2].tolist() == counters.chosen[:2].tolist() == [low, 4000 - low]
    assert not counters.actions.any()


def test_formulas_of_the_papers() -> None:
    archive, state = filled([(0, 0, 0, 0), (1, 0, 0, 0)], (3, 5, 5, 4))
    rows = archive.elites(state)
    rows = rows._replace(extra={name: jnp.full(CAPACITY, 3) for name in ("chosen", "seen", "actions")})
    first: Any = CountsConfig().make().weights
    expected = 1 + 3.0 * 3.001**-0.5 + 0.1 * 3.001**-0.5 + 2e-5
    np.testing.assert_allclose(first(rows)[0], expected, rtol=1e-6)
    by_policy: Any = CountsConfig(base=0.0, chosen=0.0, seen=0.0, actions=2.0, offset=2.0, power=1.0).make().weights
    np.testing.assert_allclose(by_policy(rows)[0], 1 / (1 + 0.5 * 3), atol=2e-5)


def test_impossible_bonuses() -> None:
    archive, _ = filled([(0, 0, 0, 0)], (3, 5, 5, 4))
    with pytest.raises(ConfigError, match="expects coordinates of the cells, level, x, y, keys; got 'room'"):
        bonus(BonusConfig(level="room"), archive, NAMES)
    with pytest.raises(ConfigError, match="search.bonus.value_weights expects one number, or one for each of 3; got 2"):
        BonusConfig(values=("x", "y", "keys"), value_weights=(1.0, 2.0))
    with pytest.raises(ConfigError, match="at least 0"):
        BonusConfig(most_weight=-1.0)
    with pytest.raises(ConfigError, match="offset expects a positive number"):
        CountsConfig(offset=0.0)
