"""A bandit that chooses among emitters: Multi-Emitter MAP-Elites (Cully 2021, arXiv 2007.05352).

Each emitter is an arm. In each generation those emitters act whose upper confidence bound is highest: the share of
their solutions that the archive stored, and a bonus for emitters that acted rarely (UCB1, Auer et al. 2002).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from poet.archives.base import AddInfo
from poet.search.map_elites.base import Emitter, Offspring, select_rows
from poet.types import Key, PyTree, numbered_keys

BONUS = 0.05  # as in the paper


class BanditState(NamedTuple):
    """N arms in groups of equal emitters, A of them active.

    Attributes:
      groups: for each group the states of its emitters, stacked.
      active: arms that acted in the last generation.
      evaluated: number of solutions of each arm that were evaluated.
      stored: number of those that the archive stored.
    """

    groups: tuple[PyTree, ...]
    active: Int[Array, "A"]
    evaluated: Int[Array, "N"]
    stored: Int[Array, "N"]


def bandit(emitters: Sequence[Emitter], counts: Sequence[int], num_active: int) -> Emitter[BanditState]:
    """One emitter that chooses `num_active` arms in each generation; `counts[k]` arms are copies of `emitters[k]`.

    All emitters make batches of one size. `Offspring.emitter` is k. The active arms act one after the other, so a
    generation costs as much as those that act.

    >>> from poet.archives.config import GridConfig
    >>> from poet.search.map_elites.base import EmitterContext
    >>> from poet.search.map_elites.config import GaussianConfig, IsoLineConfig
    >>> archive = GridConfig(shape=(4,)).make([(0.0, 1.0)])
    >>> context = EmitterContext(archive, lambda key: jnp.zeros(3), num_params=3, population=4)
    >>> emitter = bandit([IsoLineConfig().make(context), GaussianConfig().make(context)], [1, 2], num_active=2)
    >>> state = jax.jit(emitter.init)(jax.random.key(0))
    >>> state, offspring = jax.jit(emitter.emit)(jax.random.key(1), state, archive.init(jnp.zeros(3)))
    >>> state.active.tolist(), offspring.emitter.tolist()
    ([0, 1], [0, 0, 0, 0, 1, 1, 1, 1])
    """
    size = emitters[0].batch
    group_of_arm = jnp.repeat(jnp.arange(len(emitters)), jnp.array(counts))
    index_in_group = jnp.concatenate([jnp.arange(count) for count in counts])

    def apply_to_arm(
        groups: tuple, arm: Int[Array, ""], act: Callable[[Emitter, PyTree], tuple[PyTree, Any]]
    ) -> tuple[tuple, Any]:
        """Call `act` with the emitter of an arm and its state: the states of all arms after, and the result."""

        def branch(k: int) -> tuple[tuple, Any]:
            index = index_in_group[arm]
            state, result = act(emitters[k], jax.tree.map(lambda leaf: leaf[index], groups[k]))
            group = jax.tree.map(lambda leaf, new: leaf.at[index].set(new), groups[k], state)
            return (*groups[:k], group, *groups[k + 1 :]), result

        return lax.switch(group_of_arm[arm], [lambda k=k: branch(k) for k in range(len(emitters))])

    def init(key: Key) -> BanditState:
        keys = [numbered_keys(jax.random.fold_in(key, k), count) for k, count in enumerate(counts)]
        groups = tuple(jax.vmap(emitter.init)(group_keys) for emitter, group_keys in zip(emitters, keys))
        zeros = jnp.zeros(sum(counts), jnp.int32)
        return BanditState(groups, jnp.arange(num_active), zeros, zeros)

    def emit(key: Key, state: BanditState, archive_state: PyTree) -> tuple[BanditState, Offspring]:
        active = lax.top_k(upper_confidence_bound(state.evaluated, state.stored), num_active)[1]

        def emit_arm(groups: tuple, arm: Int[Array, ""]) -> tuple[tuple, Offspring]:
            arm_key = jax.random.fold_in(key, arm)
            return apply_to_arm(groups, arm, lambda emitter, state: emitter.emit(arm_key, state, archive_state))

        groups, offspring = lax.scan(emit_arm, state.groups, active)
        offspring = offspring._replace(emitter=jnp.repeat(group_of_arm[active], size).reshape(-1, size))
        return state._replace(groups=groups, active=active), jax.tree.map(_merge_leading_axes, offspring)

    def tell(
        key: Key,
        state: BanditState,
        archive_state: PyTree,
        params: Float[Array, "B G"],
        fitness: Float[Array, "B"],
        info: AddInfo,
    ) -> BanditState:
        def tell_arm(groups: tuple, arm_and_rows: tuple[Array, Array]) -> tuple[tuple, None]:
            arm, rows = arm_and_rows

            def act(emitter: Emitter, state: PyTree) -> tuple[PyTree, None]:
                arm_key = jax.random.fold_in(key, arm)
                arm_info = select_rows(info, rows)
                return emitter.tell(arm_key, state, archive_state, params[rows], fitness[rows], arm_info), None

            return apply_to_arm(groups, arm, act)

        rows = jnp.arange(num_active * size).reshape(num_active, size)
        groups, _ = lax.scan(tell_arm, state.groups, (state.active, rows))
        return BanditState(
            groups,
            state.active,
            state.evaluated.at[state.active].add(size),
            state.stored.at[state.active].add(info.stored.reshape(num_active, size).sum(axis=1)),
        )

    return Emitter(num_active * size, init, emit, tell)


def upper_confidence_bound(evaluated: Int[Array, "N"], stored: Int[Array, "N"]) -> Float[Array, "N"]:
    """The upper confidence bound of the share that is stored; infinity for arms that never acted.

    >>> print(upper_confidence_bound(jnp.array([0, 100]), jnp.array([0, 50])).round(2))
    [ inf 0.51]
    """
    tries = jnp.maximum(evaluated, 1)
    bonus = BONUS * jnp.sqrt(jnp.log(jnp.maximum(evaluated.sum(), 1).astype(jnp.float32)) / tries)
    return jnp.where(evaluated > 0, stored / tries + bonus, jnp.inf)


def _merge_leading_axes(leaf: Array) -> Array:
    return leaf.reshape(-1, *leaf.shape[2:])
