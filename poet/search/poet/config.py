"""The rules of a POET search; imports no jax."""

import dataclasses
from typing import Literal

from poet.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class PoetConfig:
    """Defaults are the paper's (Wang et al. 2019, arXiv 1901.01753)."""

    max_niches: int = 20  # active pairs; the oldest leaves when a newcomer finds no room
    eval_episodes: int = 5  # episodes behind a score; one where a genome fixes its episode entirely
    solved: float = 230.0  # a niche is solved at this score, if its agent also reaches the goal

    reproduce_every: int = 200  # iterations
    reproduce_threshold: float = 200.0  # score that makes a pair eligible as a parent
    num_children: int = 8  # mutants tried at each reproduction
    max_admitted: int = 1  # of them admitted at most
    mutation_strength: float = 1.0  # in units of the generator's usual step
    mc_lower: float = 50.0  # minimal criterion: a child is neither too hard
    mc_upper: float = 300.0  # nor too easy
    novelty_neighbours: int = 5

    transfer_every: int = 25  # iterations
    transfer_rule: Literal["original", "enhanced"] = "original"  # Enhanced: arXiv 2003.08536

    def __post_init__(self) -> None:
        counts = ("max_niches", "eval_episodes", "reproduce_every", "num_children", "max_admitted")
        for name in (*counts, "novelty_neighbours", "transfer_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"search.{name} expects at least 1, got {getattr(self, name)}")
        if not self.mc_lower < self.mc_upper:
            raise ConfigError(
                f"search.mc_lower must lie below search.mc_upper, got {self.mc_lower} and {self.mc_upper}: "
                "no environment could be neither too hard nor too easy"
            )
        if not self.mutation_strength > 0:
            raise ConfigError(f"search.mutation_strength expects a positive number, got {self.mutation_strength}")
        if self.transfer_rule not in ("original", "enhanced"):
            raise ConfigError(f"search.transfer_rule expects 'original' or 'enhanced', got {self.transfer_rule!r}")
