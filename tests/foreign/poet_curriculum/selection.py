"""A selection by two counters."""

import jax.numpy as jnp

from poet.archives.select import Selection


def promising(patience: float) -> Selection:
    """Weights that decrease with fruitless children and with visits."""

    def weights(elites):
        fruitless = elites.extra["chosen_since_new"] / patience
        return 1 / ((1 + fruitless) * jnp.sqrt(1.0 + elites.extra["seen"]))

    return Selection(weights, ("chosen_since_new", "seen"))
