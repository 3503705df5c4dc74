"""Is the scale of returns that a generator declares that of its episodes?"""

import numpy as np
from jaxtyping import Float, Int

from poet.envs.returns import ReturnScale
from poet.envs.testing.common import fail

# Of the width of the range. A perfect agent of one level may get a little more than that of another.
ABOVE_HIGH = 0.05
BELOW_LOW, ABOVE_LOW = 0.25, 0.5  # where the median of agents that have learnt nothing may lie around the low end


def check_returns(
    scale: ReturnScale,
    kinds: Int[np.ndarray, "B"],
    returns: Float[np.ndarray, "B"],
    success: Float[np.ndarray, "B"],
    num_genomes: int,
) -> None:
    """Hold a scale against the episodes of random and of constant actions.

    Args:
      scale: what the generator declares.
      kinds: of the actions of each episode, positions in `ACTION_KINDS`.
      returns: of the episodes; every `num_genomes`-th of them, from the first on, is on the simplest level.
      success: of each.
      num_genomes: how many levels there are.
    """
    returns, width = np.asarray(returns, np.float64), scale.high - scale.low
    declared = f"return_range is declared as ({scale.low:g}, {scale.high:g})"
    if returns.max() > scale.high + ABOVE_HIGH * width:
        fail(
            f"no agent gets more than a perfect one, and {declared}, but an episode without learning has a return of "
            f"{returns.max():.4g}: declare the return of a perfect agent as its high end"
        )
    median = np.median(returns)
    if not scale.low - BELOW_LOW * width <= median <= scale.low + ABOVE_LOW * width:
        fail(
            f"an agent that has learnt nothing gets about the low end of the range, and {declared}, but the median "
            f"return of {len(returns)} episodes of random and constant actions is {median:.4g}, a fraction of "
            f"{scale.fraction(median):.3g}: declare about that as the low end"
        )
    simplest = (np.arange(len(returns)) % num_genomes == 0) & (kinds < 2)
    median, share = np.median(returns[simplest]), (success[simplest] >= 1).mean()
    if median >= scale.solved and share >= 0.5:
        fail(
            f"random actions must not solve the simplest level, and solved_return is declared as {scale.solved:g}, but "
            f"{simplest.sum()} episodes of random actions there have a median return of {median:.4g}: declare a higher "
            "solved_return, or return a harder level from simplest()"
        )
