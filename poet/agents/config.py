"""Options of policies; imports no jax."""

import dataclasses

from poet.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class PolicyConfig:
    """A tanh multi-layer perceptron; the default is POET's 24-40-40-4 with 2,804 weights on the walker."""

    hidden: tuple[int, ...] = (40, 40)  # units of each hidden layer
    init_sigma: float = 0.1  # spread of an agent's first weights

    def __post_init__(self) -> None:
        if any(units < 1 for units in self.hidden):
            raise ConfigError(f"policy.hidden expects positive layer sizes, got {self.hidden}")
        if not self.init_sigma > 0:
            raise ConfigError(f"policy.init_sigma expects a positive number, got {self.init_sigma}")
