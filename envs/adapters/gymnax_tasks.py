"""Generators whose environments are those of gymnax: parameters of the environment are the genome.

The ranges of returns are those of random actions and of trained agents (docs/extending/gymnax.md).
"""

from typing import NamedTuple

from jaxtyping import Array, Float

from poet.envs.adapters.gymnax import GymnaxEnvironment
from poet.envs.vector import VectorGenerator, real


class Pendulum(NamedTuple):
    """Parameters of Pendulum-v1."""

    m: Float[Array, ""]  # mass
    l: Float[Array, ""]  # length
    g: Float[Array, ""]  # gravity
    max_torque: Float[Array, ""]


class Acrobot(NamedTuple):
    """Parameters of Acrobot-v1."""

    link_mass_1: Float[Array, ""]
    link_mass_2: Float[Array, ""]
    link_length_1: Float[Array, ""]
    torque_noise_max: Float[Array, ""]


def pendulum() -> VectorGenerator:
    """Pendulums, at first the one of gymnax; heavier ones with weaker motors need more swings."""
    numbers = Pendulum(
        m=real(0.5, 3.0, step=(-0.1, 0.2), start=1.0),
        l=real(0.5, 2.0, step=0.1, start=1.0),
        g=real(5.0, 15.0, step=0.5, start=10.0),
        max_torque=real(0.5, 2.0, step=(-0.2, 0.1), start=2.0),
    )
    return VectorGenerator(
        "gymnax-pendulum",
        GymnaxEnvironment("Pendulum-v1"),
        numbers,
        return_range=(-1250.0, -150.0),
        solved_return=-250.0,
        deterministic=False,
    )


def acrobot() -> VectorGenerator:
    """Acrobots, at first the one of gymnax; the motor may be noisy."""
    numbers = Acrobot(
        link_mass_1=real(0.5, 2.5, step=0.2, start=1.0),
        link_mass_2=real(0.5, 2.5, step=0.2, start=1.0),
        link_length_1=real(0.5, 2.0, step=0.2, start=1.0),
        torque_noise_max=real(0.0, 1.0, step=0.1),
    )
    return VectorGenerator(
        "gymnax-acrobot",
        GymnaxEnvironment("Acrobot-v1"),
        numbers,
        return_range=(-500.0, -60.0),
        solved_return=-100.0,
        deterministic=False,
    )
