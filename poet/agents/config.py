"""Options of policies; imports no jax."""

import dataclasses

from poet.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class PolicyConfig:
    """A tanh multi-layer perceptron; the default is POET's 24-40-40-4 with 2,804 weights on the walker."""

    hidden: tuple[int, ...] = (40, 40)  # units of each hidden layer

    def __post_init__(self) -> None:
        if any(units < 1 for units in self.hidden):
            raise ConfigError(f"policy.hidden expects positive layer sizes, got {self.hidden}")
