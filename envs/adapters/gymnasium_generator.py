"""A generator for environments of gymnasium without parameters: a genome is the seed of their reset."""

from typing import Any, NamedTuple

from poet.envs.adapters.gymnasium_config import GymnasiumConfig
from poet.envs.adapters.gymnasium_simulator import GymnasiumEnvironment
from poet.envs.named import MAX_INTEGER, NamedGenerator, integer


class Seed(NamedTuple):
    """The genome."""

    seed: Any  # i32[]


def seeded(config: GymnasiumConfig) -> NamedGenerator:
    """The generator of an environment id.

    >>> generator = seeded(GymnasiumConfig(env="Acrobot-v1"))
    >>> generator.environment.interface.id, generator.describe(generator.simplest())
    ('Acrobot-v1', 'seed 0')
    """
    environment = GymnasiumEnvironment(
        config.env,
        (),
        config.horizon,
        config.descriptor,
        tuple(f"obs {element}" for element in config.descriptor),
        ((config.descriptor_low, config.descriptor_high),) * len(config.descriptor),
    )
    numbers = Seed(seed=integer(0, MAX_INTEGER, step=MAX_INTEGER))
    generator: Any = NamedGenerator("gymnasium", environment, numbers)  # type: ignore[arg-type]
    return generator
