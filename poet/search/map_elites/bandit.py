"""A bandit over emitters, for when nobody knows which will do: Multi-Emitter MAP-Elites (Cully 2021, arXiv 2007.05352).

Each generation those emitters act whose upper confidence bound is highest: the share of their solutions that the
archive kept, and a bonus for those seldom tried (UCB1, Auer et al. 2002).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from poet.archives.base import AddInfo
from poet.search.map_elites.emitters import Emitter, Offspring, part
from poet.types import Key, PyTree

BONUS = 0.05  # as in the paper


class State(NamedTuple):
    """N arms of several kinds, A of them active.

    Attributes:
      kinds: for each kind the states of its arms, stacked.
      active: the arms that were asked last.
      asked: solutions of each arm that were evaluated.
      kept: how many of them the archive stored.
    """

    kinds: tuple[PyTree, ...]
    active: Int[Array, "A"]
    asked: Int[Array, "N"]
    kept: Int[Array, "N"]


def bandit(kinds: Sequence[Emitter], counts: Sequence[int], num_active: int) -> Emitter:
    """One emitter in place of `counts[k]` of each kind k, of which `num_active` act at a time; their batches are equal.

    They act one after the other, and what one of them costs is spent for those alone that act.
    """
    size = kinds[0].batch
    kind = jnp.repeat(jnp.arange(len(kinds)), jnp.array(counts))
    place = jnp.concatenate([jnp.arange(count) for count in counts])

    def one_of(states: tuple, arm: Int[Array, ""], act: Callable[[Emitter, PyTree], tuple[PyTree, Any]]) -> tuple:
        """`act` for an arm by whatever emitter it is: the states after, and what it gave."""

        def by(k: int) -> tuple:
            mine, given = act(kinds[k], jax.tree.map(lambda leaf: leaf[place[arm]], states[k]))
            after = jax.tree.map(lambda all, one: all.at[place[arm]].set(one), states[k], mine)
            return (*states[:k], after, *states[k + 1 :]), given

        return lax.switch(kind[arm], [lambda k=k: by(k) for k in range(len(kinds))])

    def init(key: Key) -> State:
        keys = [jax.random.split(jax.random.fold_in(key, k), count) for k, count in enumerate(counts)]
        states = tuple(jax.vmap(each.init)(mine) for each, mine in zip(kinds, keys))
        none = jnp.zeros(sum(counts), jnp.int32)
        return State(states, jnp.arange(num_active), none, none)

    def emit(key: Key, state: State, archive: PyTree) -> tuple[State, Offspring]:
        active = lax.top_k(bound(state.asked, state.kept), num_active)[1]

        def act(states: tuple, arm: Int[Array, ""]) -> tuple[tuple, Offspring]:
            return one_of(states, arm, lambda each, mine: each.emit(jax.random.fold_in(key, arm), mine, archive))

        states, made = lax.scan(act, state.kinds, active)
        made = made._replace(emitter=jnp.repeat(kind[active], size).reshape(-1, size))
        return state._replace(kinds=states, active=active), jax.tree.map(_flat, made)

    def tell(
        key: Key,
        state: State,
        archive: PyTree,
        params: Float[Array, "B G"],
        fitness: Float[Array, "B"],
        info: AddInfo,
    ) -> State:
        def act(states: tuple, slot: tuple) -> tuple[tuple, None]:
            arm, rows = slot

            def told(each: Emitter, mine: PyTree) -> tuple[PyTree, None]:
                own = jax.random.fold_in(key, arm)
                return each.tell(own, mine, archive, params[rows], fitness[rows], part(info, rows)), None

            return one_of(states, arm, told)

        rows = jnp.arange(num_active * size).reshape(num_active, size)
        states, _ = lax.scan(act, state.kinds, (state.active, rows))
        return State(
            states,
            state.active,
            state.asked.at[state.active].add(size),
            state.kept.at[state.active].add(info.stored.reshape(num_active, size).sum(axis=1)),
        )

    names = sum((each.names for each in kinds), ())
    return Emitter(names, num_active * size, init, emit, tell)


def bound(asked: Int[Array, "N"], kept: Int[Array, "N"]) -> Float[Array, "N"]:
    """What may be expected of each arm at best: infinity of those that were never tried."""
    tries = jnp.maximum(asked, 1)
    bonus = BONUS * jnp.sqrt(jnp.log(jnp.maximum(asked.sum(), 1).astype(jnp.float32)) / tries)
    return jnp.where(asked > 0, kept / tries + bonus, jnp.inf)


def _flat(leaf: Array) -> Array:
    return leaf.reshape(-1, *leaf.shape[2:])
