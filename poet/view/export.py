"""Export an agent: its weights as .npz, and one NumPy file that runs them without JAX and without this package."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from poet.envs.base import Box, Discrete, Space
from poet.errors import ConfigError
from poet.jax_settings import pinned
from poet.view import standalone
from poet.view.style import write_file

if TYPE_CHECKING:
    from poet.view.agents import AgentRun

# Interfaces with the same observations and actions in gymnasium.
GYMNASIUM = {"walker-v1": "BipedalWalker-v3"}
CHECKS = 16  # random observations for which the export is compared with the policy


@pinned()
def export(run: AgentRun, which: int, folder: str | os.PathLike[str], snapshot: str = "best") -> Path:
    """Write `weights.npz` and `policy.py` for the agent of a niche or an elite; returns the folder.

    Raises `ConfigError` if the policy is not a stack of dense layers, each followed by tanh.
    """
    policy, interface = run.policy(), run.interface()
    if not isinstance(interface.obs, jax.ShapeDtypeStruct):
        raise ConfigError("only agents that observe one array can be exported: use the weights from Python")
    tree = policy.unravel(run.agent(which, snapshot))
    layers = _dense_layers(tree)
    meta = {
        "run": run.name,
        run.agent_kind: which,
        "snapshot": snapshot,
        "description": run.caption(which).environment,
        "interface": interface.id,
        "gymnasium": GYMNASIUM.get(interface.id),
        "layers": len(layers),
        **_describe_action(interface.action),
    }
    act = standalone.make_policy(layers, meta)
    rng = np.random.default_rng(0)
    for _ in range(CHECKS):
        obs = np.asarray(rng.normal(size=interface.obs.shape), interface.obs.dtype)
        action, _ = policy.act(tree, policy.init_memory(), jnp.asarray(obs), jax.random.key(0))
        if not np.allclose(act(obs), np.asarray(action), rtol=1e-3, atol=1e-4, equal_nan=True):
            raise ConfigError(
                f"policy {run.policy_config.id!r} does not act as a stack of dense layers with tanh, the only policy "
                "that can be exported: use its weights from Python"
            )
    folder = Path(folder)
    arrays = {}
    for number, (kernel, bias) in enumerate(layers):
        arrays |= {f"kernel{number}": kernel, f"bias{number}": bias}
    packed = io.BytesIO()
    np.savez(packed, meta=np.array(json.dumps(meta)), **arrays)
    write_file(folder / "weights.npz", packed.getvalue())
    write_file(folder / "policy.py", Path(standalone.__file__).read_bytes())
    return folder


def _dense_layers(tree: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """The layers of a flax network as (kernel, bias). Raises `ConfigError` for any other network."""
    params = tree.get("params") if isinstance(tree, Mapping) else None
    layers = params if isinstance(params, Mapping) else {}
    names = [f"Dense_{number}" for number in range(len(layers))]
    if not layers or set(names) != set(layers):
        found = ", ".join(sorted(layers)) or type(tree).__name__
        raise ConfigError(f"only policies of dense layers can be exported, this one has {found}")
    return [(np.asarray(layers[name]["kernel"]), np.asarray(layers[name]["bias"])) for name in names]


def _describe_action(space: Space) -> dict[str, Any]:
    if isinstance(space, Box):
        return {"action": "box", "shape": space.shape, "low": space.low, "high": space.high}
    if isinstance(space, Discrete):
        return {"action": "discrete", "nums": [space.num]}
    return {"action": "multidiscrete", "nums": space.nums}
