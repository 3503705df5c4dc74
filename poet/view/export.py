"""Take an agent out: its weights as .npz, and one NumPy file that runs them without JAX and without us."""

import json
import os
import shutil
from pathlib import Path

import numpy as np

from poet.envs.base import Box, Discrete, Space
from poet.errors import ConfigError
from poet.view import standalone
from poet.view.open import Run

# Interfaces with the same observations and actions in gymnasium.
GYMNASIUM = {"walker-v1": "BipedalWalker-v3"}


def export(run: Run, which: int, folder: str | os.PathLike[str], occasion: str = "best") -> Path:
    """Write `weights.npz` and `policy.py` for the agent of a niche or an elite; returns the folder.

    Raises `ConfigError` if the policy is no stack of dense layers.
    """
    policy, interface = run.policy(), run.generator().environment.interface
    layers = policy.unravel(run.agent(which, occasion))["params"]
    names = [f"Dense_{number}" for number in range(len(layers))]
    if set(names) != set(layers):
        raise ConfigError(f"export knows policies of dense layers, this one has {', '.join(sorted(layers))}")
    about = {
        "run": run.name,
        run.noun: which,
        "occasion": occasion,
        "description": run.about(which)[1],
        "interface": interface.id,
        "gymnasium": GYMNASIUM.get(interface.id),
        "layers": len(layers),
        **_action(interface.action),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for number, name in enumerate(names):
        arrays[f"kernel{number}"] = np.asarray(layers[name]["kernel"])
        arrays[f"bias{number}"] = np.asarray(layers[name]["bias"])
    np.savez(folder / "weights.npz", about=np.array(json.dumps(about)), **arrays)
    shutil.copyfile(standalone.__file__, folder / "policy.py")
    return folder


def _action(space: Space) -> dict:
    if isinstance(space, Box):
        return {"action": "box", "shape": space.shape, "low": space.low, "high": space.high}
    if isinstance(space, Discrete):
        return {"action": "discrete", "nums": [space.num]}
    return {"action": "multidiscrete", "nums": space.nums}
