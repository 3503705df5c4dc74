"""The helper itself: it must be able to fail."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float, Int

from tests.contracts.carried import check_carried


class Pair(NamedTuple):
    score: Float[Array, "B"] | Float[np.ndarray, "B"]
    place: Int[Array, "B D"]


class Outer(NamedTuple):
    pairs: tuple[Pair, ...]
    stacked: Any


def test_declared_types_pass() -> None:
    good = Pair(jnp.zeros(3), jnp.zeros((3, 2), int))
    assert check_carried(good) == 2
    assert check_carried({"a": [good, good], "b": jnp.zeros(2)}) == 4
    assert check_carried(jnp.zeros(3)) == 0


def test_fields_are_followed_as_far_as_they_are_declared() -> None:
    good = Pair(jnp.zeros(3), jnp.zeros((3, 2), int))
    stacked = Pair(jnp.zeros((5, 3)), jnp.zeros((5, 3, 2), int))
    assert check_carried(Outer((good, good), stacked)) == 2 + 4
    with pytest.raises(TypeError, match=r"Pair\."):
        check_carried(Outer((good, stacked), good))


@pytest.mark.parametrize(
    "bad",
    [
        Pair(jnp.zeros(3), jnp.zeros((4, 2), int)),
        Pair(jnp.zeros(3), jnp.zeros((3, 2))),
        Pair(jnp.zeros((3, 1)), jnp.zeros((3, 2), int)),
        Pair([1.0], jnp.zeros((1, 2), int)),  # type: ignore[arg-type]
    ],
    ids=["sizes differ", "dtype", "rank", "a list"],
)
def test_other_types_raise(bad: Pair) -> None:
    with pytest.raises(TypeError, match=r"Pair\."):
        check_carried([bad])
