import pytest

from poet.envs.returns import ReturnScale, return_scale
from poet.errors import ContractError
from tests.envs.testing.broken import Quick, altered
from tests.envs.toy import CorridorEnvironment


def declared(return_range: object, solved_return: object) -> Quick:
    return altered(
        Quick, {"return_range": return_range, "solved_return": solved_return}, environment=CorridorEnvironment()
    )


def test_fractions_and_returns_are_inverse() -> None:
    scale = return_scale(declared((-100, 300), 230))
    assert scale == ReturnScale(-100.0, 300.0, 230.0)
    for fraction, value in ((0.0, -100.0), (1.0, 300.0), (0.75, 200.0), (-0.25, -200.0)):
        assert (scale.at(fraction), scale.fraction(value)) == (value, fraction)


@pytest.mark.parametrize(
    ("return_range", "solved_return"),
    [
        ((300.0, -100.0), 0.0),
        ((1.0, 1.0), 1.0),
        ((0.0, float("inf")), 1.0),
        ((float("nan"), 1.0), 1.0),
        ((0.0, 100.0), 100.1),
        ((0.0, 100.0), 0.0),
        ((0.0, 100.0), float("nan")),
        ((0.0, 100.0), None),
        ((0.0, 50.0, 100.0), 50.0),
        (100.0, 50.0),
        ("ab", 50.0),
    ],
)
def test_an_impossible_scale_is_refused(return_range: object, solved_return: object) -> None:
    with pytest.raises(ContractError, match="expects a finite return_range .* declare `return_range = "):
        return_scale(declared(return_range, solved_return))
