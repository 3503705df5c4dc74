"""Genomes of environments that draw their levels themselves: a genome is the seed of the level."""

from typing import Any, NamedTuple

from poet.envs.vector import MAX_INTEGER, integer


class Seed(NamedTuple):
    """A genome without parameters: it fixes what the environment draws at its reset."""

    seed: Any  # i32[]


def seeds(start: int = 0) -> Seed:
    """All seeds, as `numbers` of a `VectorGenerator`: a mutation of strength 1 may give any other.

    `start` is the seed of the simplest level. Raises `ConfigError` for a negative one, and for one above 2**24.
    """
    return Seed(seed=integer(0, MAX_INTEGER, step=MAX_INTEGER, start=start))
