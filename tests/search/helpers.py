"""What tests of searches share."""

from typing import Any

import jax
import numpy as np

from poet.runs.checkpoint import check_state
from poet.search.base import Info, Search


def run_search(search: Search, num_steps: int, seed: int = 0) -> tuple[Any, list[Info]]:
    """The state after `num_steps` steps and what each of them reported; each state can be saved as a checkpoint."""
    state, infos = search.init(jax.random.key(seed)), []
    for _ in range(num_steps):
        state, info = search.step(state)
        check_state(state)
        infos.append(info)
    return state, infos


def assert_equal_trees(first: Any, second: Any) -> None:
    """Both trees have the same structure, dtypes and bits."""
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for (path, one), other in zip(jax.tree_util.tree_leaves_with_path(first), jax.tree.leaves(second)):
        assert one.dtype == other.dtype, jax.tree_util.keystr(path)
        np.testing.assert_array_equal(_data(one), _data(other), err_msg=jax.tree_util.keystr(path))


def _data(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)
