"""The rules of MAP-Elites over pairs; imports no jax."""

import dataclasses

from poet.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class PairsConfig:
    """Which environments are tried, and when a pair is worth keeping."""

    features: tuple[str, ...] = ()  # of the generator, the archive's coordinates; all of them if none is named
    solved: float = 230.0  # score at which an agent has solved an environment, if it also reaches the goal
    eval_episodes: int = 5  # episodes behind a score; one where a genome fixes its episode entirely

    children: int = 16  # environments mutated from elites in an iteration
    mutation_strength: float = 1.0  # in units of the generator's usual step
    variants: int = 16  # mutants of the parent's agent that are tried in a child, besides the agent itself
    iso_sigma: float = 0.02  # of them: noise on every weight
    line_sigma: float = 0.1  # and along the line to the agent of another elite
    neighbours: int = 4  # nearest elites whose agents are tried in a child too, and in which a new agent is tried

    pupils: int = 4  # environments not solved yet in which an agent goes on learning, a step each iteration
    pupil_score: float = 50.0  # a child in a free cell is worth learning if the best of these scores at least this
    patience: int = 20  # learner steps after which an unsolved environment is given up

    def __post_init__(self) -> None:
        for name in ("eval_episodes", "children", "pupils", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"search.{name} expects at least 1, got {getattr(self, name)}")
        for name in ("variants", "neighbours", "iso_sigma", "line_sigma"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"search.{name} expects a number of at least 0, got {getattr(self, name)}")
        if not self.mutation_strength > 0:
            raise ConfigError(f"search.mutation_strength expects a positive number, got {self.mutation_strength}")
