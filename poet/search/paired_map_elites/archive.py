"""The archive of pairs with its selection, compiled: what is stored, counted, drawn and remembered.

Axes: R rows of the archive, B batch.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.archives.base import Archive, Entries
from poet.archives.layout import num_rows
from poet.archives.select import Selection, count_only, draw_rows, with_selection
from poet.learners.base import Learner
from poet.memory import require_memory
from poet.search.host import jit_to_numpy
from poet.types import Genome, Keys, PyTree


class PairArchive:
    """An archive of pairs, from which elites are drawn by a selection.

    Args:
      archive: of one objective.
      selection: who is drawn.
      genome: an example.
      num_params: G, the number of weights of an agent.
      learner: whose state elites remember beside the weights; None if they remember none. With it, elites have the
        extra field "solved": 1 where the agent solves the environment.

    Attributes:
      archive: with the selection.
      counters: those that the selection reads.
      payload: an example of a payload, {"genome": ..., "params": f32[G]}, and "learner" where that is remembered.
      add: (state, entries) -> (state, AddInfo).
      count: (state, entries) -> state, in which the entries are counted and not stored.
      rows: state -> all rows as NumPy arrays, those without an elite included, without learners.
      weights: state -> weights of all rows by the selection.

    Raises `ConfigError` for a selection that the archive cannot have, and for learners that do not fit into memory.
    """

    def __init__(
        self, archive: Archive, selection: Selection, genome: Genome, num_params: int, learner: Learner | None
    ) -> None:
        self.archive = with_selection(archive, selection)
        self.uniform = selection.weights is None
        self.counters = () if self.uniform else selection.counters
        params = jax.ShapeDtypeStruct((num_params,), jnp.float32)
        self.payload: dict[str, Any] = {"genome": genome, "params": params}
        self._extra: dict[str, Any] = {}
        if learner is not None:
            self.payload["learner"] = _learner_example(archive, learner, params)
            self._extra["solved"] = jax.ShapeDtypeStruct((), jnp.int32)
        self.add = jax.jit(self.archive.add)
        self.count = jax.jit(functools.partial(count_only, self.archive, selection))
        self.rows = jit_to_numpy(self._rows)
        weights = functools.partial(self._weights, selection)
        self.weights = jit_to_numpy(weights)
        self._draw = jit_to_numpy(jax.vmap(_draw_row, (0, None, None)))
        self._learner_of = jit_to_numpy(self._gather_learner)
        jax.eval_shape(weights, jax.eval_shape(self.init))  # raises here for a selection that cannot work

    def init(self) -> PyTree:
        """The state of the empty archive."""
        return self.archive.init(self.payload, self._extra)

    def draw(self, keys: Keys, weights: Float[np.ndarray, "R"], allowed: Bool[np.ndarray, "R"]) -> Int[np.ndarray, "B"]:
        """One of the allowed rows for each key, with probabilities proportional to the weights."""
        return self._draw(keys, weights, allowed)

    def learner_of(self, state: PyTree, id: UInt32[np.ndarray, "2"]) -> PyTree:
        """What the elite of this id remembers, with NumPy leaves."""
        return self._learner_of(state, id)

    def _rows(self, state: PyTree) -> Entries:
        elites = self.archive.elites(state)
        return elites._replace(payload={name: elites.payload[name] for name in ("genome", "params")})

    def _weights(self, selection: Selection, state: PyTree) -> Float[Array, "R"]:
        elites = self.archive.elites(state)
        return jnp.ones(elites.valid.shape) if selection.weights is None else selection.weights(elites)

    def _gather_learner(self, state: PyTree, id: UInt32[Array, "2"]) -> PyTree:
        elites = self.archive.elites(state)
        row = jnp.argmax(elites.valid & (elites.id == id).all(axis=1))
        return jax.tree.map(lambda leaf: leaf[row], elites.payload["learner"])


def _draw_row(key: jax.Array, weights: Float[Array, "R"], allowed: Bool[Array, "R"]) -> Int[Array, ""]:
    return draw_rows(key, weights, allowed, 1)[0]


def _learner_example(archive: Archive, learner: Learner, params: jax.ShapeDtypeStruct) -> PyTree:
    """Shapes and dtypes of a state. Raises `ConfigError` if this machine cannot hold one for each row."""
    state = jax.eval_shape(learner.init, jax.random.key(0), params)
    num_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    rows = num_rows(archive.spec)
    require_memory(rows * num_bytes, f"an archive of {rows} elites that remember a learner of {num_bytes} bytes")
    return state
