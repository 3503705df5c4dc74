import dataclasses

import jax
import jax.numpy as jnp
import pytest

from poet.envs.config import problems
from poet.envs.testing import check_problem
from poet.errors import ContractError
from tests.envs.testing.broken import COUNTER, altered, mixed


@dataclasses.dataclass(frozen=True)
class Hill:
    """A minimal problem, of which tests replace one part."""

    id: str = "hill"
    num_params: int = 2
    descriptor_names: tuple[str, ...] = ("x", "y")
    descriptor_bounds: tuple[tuple[float, float], ...] = ((-1.0, 1.0), (-1.0, 1.0))
    fitness_bounds: tuple[float, float] = (-2.0, 0.0)
    deterministic: bool = True

    def sample(self, key):
        return jax.random.uniform(key, (2,), minval=-1.0)

    def evaluate(self, key, params):
        return -(params**2).sum(), params


def hill(**parts) -> Hill:
    """The hill with these attributes or methods replaced."""
    return altered(Hill, parts)


class NoSample:
    def __getattr__(self, name):
        if name == "sample":
            raise AttributeError(name)
        return getattr(Hill(), name)


class NotHashable(Hill):
    __hash__ = None  # type: ignore


def noisy(key, params):
    return -(params**2).sum() * jax.random.uniform(key), params


PROBLEMS = {
    "no sample": (NoSample(), "has no `sample`"),
    "not hashable": (NotHashable(), "must be hashable"),
    "no id": (hill(id=""), "id must be a non-empty string"),
    "no parameters": (hill(num_params=0), "num_params must be an int of at least 1"),
    "an empty name": (hill(descriptor_names=("x", "")), "descriptor_names must be a tuple"),
    "too few bounds": (hill(descriptor_bounds=((-1.0, 1.0),)), "descriptor_bounds must be a finite"),
    "bounds that are no pairs": (hill(descriptor_bounds=(-1.0, 1.0)), "descriptor_bounds must be a finite"),
    "unbounded fitness": (hill(fitness_bounds=(-float("inf"), 0.0)), "fitness_bounds must be a finite"),
    "deterministic as a string": (hill(deterministic="yes"), "deterministic must be a bool"),
    "samples of another size": (
        hill(sample=lambda key: jax.random.uniform(key, (3,))),
        r"sample.* must be float32\[2\]",
    ),
    "fitness alone": (hill(evaluate=lambda key, params: params.sum()), r"must return \(fitness, descriptor\)"),
    "fitness of a shape": (hill(evaluate=lambda key, params: (params, params)), "fitness must be float32"),
    "no objective": (hill(num_objectives=0), "num_objectives must be an int of at least 1"),
    "too few objectives": (hill(num_objectives=2), r"fitness must be float32\[2\]"),
    "too many coordinates": (hill(evaluate=lambda key, params: (-params.sum(), jnp.zeros(3))), r"must be float32\[2\]"),
    "sample without key": (hill(sample=lambda key: jnp.ones(2)), "the same solution for 128 keys"),
    "fitness not finite": (
        hill(evaluate=lambda key, params: (params.sum() / 0, params)),
        "fitness of samples must lie",
    ),
    "fitness out of bounds": (hill(fitness_bounds=(-1.0, 0.0)), "fitness of samples must lie in -1.0 to 0.0"),
    "descriptor out of bounds": (
        hill(evaluate=lambda key, params: (-(params**2).sum(), 2 * params)),
        "descriptor 'x' of samples must lie",
    ),
    "hidden state": (
        hill(evaluate=lambda key, params: (-(params**2).sum() - next(COUNTER) * 1e-9, params)),
        "expected evaluate to be the same program each time",
    ),
    "mixes the batch": (
        hill(evaluate=lambda key, params: (-mixed(params[0] ** 2 / 128), params)),
        "its place in a batch",
    ),
    "noise": (hill(evaluate=noisy), "deterministic is declared, but another key"),
    "draws a list": (hill(draw=lambda params: [[0]]), r"draw\(params\) must be a NumPy array u8\[H, W, 3\]"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_broken_problem(name: str) -> None:
    broken, message = PROBLEMS[name]
    with pytest.raises(ContractError, match=message):
        check_problem(broken)


def test_valid_problems_pass() -> None:
    check_problem(Hill())
    check_problem(hill(evaluate=noisy, deterministic=False))


@pytest.mark.few(2)
@pytest.mark.parametrize("name", ["sphere", "rastrigin", "rastrigin-multi", "arm"])
def test_our_problems_pass(name: str) -> None:
    check_problem(problems.make(name))
