"""An evaluation compiled into one program with the archive: what is stored is what was judged."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import jax, jax.numpy as jnp, numpy as np
from poet.archives import make
from poet.archives.base import entries
from poet.archives.store import rows
from poet.envs.functions.config import SphereConfig

sphere = SphereConfig(num_params=6).make()
archive = make({"kind": "grid", "shape": [4, 4], "bounds": sphere.descriptor_bounds})

@jax.jit
def evaluate_and_add(key, state, turn):
    params = jax.vmap(sphere.sample)(jax.random.split(key, 64))
    fitness, descriptor = jax.vmap(sphere.evaluate)(jax.random.split(key, 64), params)
    payload = {"params": params, "turn": jnp.full(64, turn)}
    return archive.add(state, entries(payload, fitness, descriptor, iteration=turn))

state, added, improved = archive.init({"params": jnp.zeros(6), "turn": jnp.int32(0)}), 0, 0
for turn in range(4):
    state, info = evaluate_and_add(jax.random.key(turn), state, turn)
    added, improved = added + int(info.counts.added), improved + int(info.counts.improved)
elites = jax.tree.map(np.asarray, archive.elites(state))
assert added == elites.valid.sum() > 0 and improved > 0, (added, improved, elites.valid.sum())
assert (elites.payload["turn"][elites.valid] == elites.id[elites.valid, 0]).all()
fitness, _ = jax.vmap(sphere.evaluate)(jax.random.split(jax.random.key(0), 16), elites.payload["params"])
np.testing.assert_allclose(fitness[elites.valid], elites.fitness[elites.valid], rtol=1e-5)
"""


# Unoptimised code rounds otherwise each time that something is computed anew, so a relapse shows there.
@pytest.mark.parametrize("level", [0, pytest.param(3, marks=pytest.mark.slow)])
def test_what_is_stored_is_what_was_judged(level: int) -> None:
    flags = {**os.environ, "XLA_FLAGS": f"--xla_backend_optimization_level={level}"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=flags, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
