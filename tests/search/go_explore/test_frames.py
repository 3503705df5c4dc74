"""Cells of frames: areas of equal size, shades of equal width."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poet.archives.base import entries
from poet.archives.cells import cells
from poet.envs.base import Discrete, Interface
from poet.errors import ConfigError
from poet.search.go_explore.cell_functions import FramesCellConfig
from poet.search.go_explore.cells import _areas


class Screen(NamedTuple):
    """A simulator whose observation is a picture, as far as a cell function needs it."""

    shape: tuple[int, ...] = (20, 33)
    dtype: Any = jnp.uint8

    @property
    def interface(self) -> Interface:
        return Interface("screen-v1", jax.ShapeDtypeStruct(self.shape, self.dtype), Discrete(2), 5)

    def make_simulator(self, genome: Any) -> None:
        return None


def made(screen: Screen, **options: Any) -> Any:
    environment: Any = screen
    return FramesCellConfig(frame="obs", **options).make(environment, {})


@given(size=st.integers(1, 40), parts=st.integers(1, 40))
def test_areas_are_means_over_equal_intervals(size: int, parts: int) -> None:
    if parts > size:
        parts = size
    weights = _areas(size, parts)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(weights.sum(axis=0), parts / size, rtol=1e-5)
    if size % parts == 0:
        np.testing.assert_allclose(weights[0], [parts / size] * (size // parts) + [0] * (size - size // parts))


def test_a_frame_is_in_the_cell_of_its_shades() -> None:
    """A grey p is in shade floor(shades * p / 255): the brightest one has a shade of its own."""
    function = made(Screen(), rows=2, columns=3, shades=8)
    for grey, shade in ((0, 0), (31, 0), (32, 1), (127, 3), (128, 4), (254, 7), (255, 8)):
        where = function.coordinates((), (), jnp.full((20, 33), grey, jnp.uint8))
        part = np.floor(np.asarray(where) * 8 + 1e-5)
        assert part.tolist() == [shade] * 6
    picture = np.zeros((20, 33), np.uint8)
    picture[:10, 11:22] = 255
    assert function.coordinates((), (), picture).tolist() == [0, 1, 0, 0, 0, 0]
    assert function.names[3] == "grey 1 0"


def test_colours_and_numbers_from_0_to_1_are_frames_too() -> None:
    function = made(Screen((4, 4, 3), jnp.float32), rows=1, columns=1)
    assert function.coordinates((), (), jnp.full((4, 4, 3), 0.5)).tolist() == [0.5]


@pytest.mark.ci
def test_frames_that_differ_are_cells_that_differ() -> None:
    function = made(Screen())
    archive = cells(function.shape, function.bounds, 64)
    frames = np.random.default_rng(0).integers(0, 256, (30, 20, 33)).astype(np.uint8)
    frames[10:20] = frames[:10]
    where = jax.vmap(lambda frame: function.coordinates((), (), frame))(frames)
    _, info = archive.add(archive.init(jnp.zeros(1)), entries(jnp.zeros((30, 1)), jnp.zeros(30), where))
    assert info.cell[:10].tolist() == info.cell[10:20].tolist()
    assert int(info.counts.added) == 20


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"at least 8 rows and 11 columns; 'obs' is uint8\[5, 33\]"):
        made(Screen((5, 33)))
    with pytest.raises(ConfigError, match=r"'obs' is uint8\[128\]"):
        made(Screen((128,)))
    environment: Any = Screen()
    with pytest.raises(ConfigError, match="cell.frame: 'world' has no 'world'; there: obs"):
        FramesCellConfig(frame="world").make(environment, {})
    with pytest.raises(ConfigError, match="cell.shades expects at least 1"):
        FramesCellConfig(shades=0)
