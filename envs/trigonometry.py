"""Cosine and sine of angles given in turns (1 turn = 2 pi rad).

XLA on CPUs calls a library function for each `jnp.cos` of each number. Here whole turns are removed exactly and
polynomials, which become vector instructions, do the rest: 5 to 10 times as fast, and more accurate for large angles.
"""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# Taylor coefficients of sin(x)/x and cos(x) in x^2. Up to a quarter turn the first omitted term is below the precision
# of float32.
_SIN_COEFFICIENTS = [(-1) ** k / math.factorial(2 * k + 1) for k in range(7)]
_COS_COEFFICIENTS = [(-1) ** k / math.factorial(2 * k) for k in range(8)]


def cos_sin_turns(turns: Float[Array, "*N"]) -> tuple[Float[Array, "*N"], Float[Array, "*N"]]:
    """Cosine and sine of angles in turns, each with an error below 1e-6.

    >>> cos, sin = cos_sin_turns(jnp.array([0.0, 0.25, 7.5]))
    >>> cos.round(6).tolist(), sin.round(6).tolist()
    ([1.0, 0.0, -1.0], [0.0, 1.0, 0.0])
    """
    half_angle = np.pi * (turns - jnp.round(turns))  # rad, within a quarter turn of 0
    square = jnp.square(half_angle)
    sin, cos = half_angle * _polynomial(_SIN_COEFFICIENTS, square), _polynomial(_COS_COEFFICIENTS, square)
    return 1 - 2 * jnp.square(sin), 2 * sin * cos


def _polynomial(coefficients: list[float], x: Array) -> Array:
    """Horner's scheme; the constant coefficient comes first."""
    total = jnp.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total
