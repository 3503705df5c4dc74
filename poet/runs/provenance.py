"""What may decide bits: code, packages, plug-ins, machine. Knows no jax."""

import datetime
import importlib.metadata
import os
import platform
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from poet import configs
from poet.errors import ConfigError
from poet.registry import Origin, PluginConfig

OURS = "poet-evolution"
PACKAGES = (OURS, "jax", "jaxlib", "flax", "optax", "evosax", "numpy", "orbax-checkpoint")


def session() -> dict[str, Any]:
    """What is recorded each time that a run is started or resumed."""
    return {
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "processor": processor(),
    }


def plugins(config: PluginConfig) -> dict[str, dict[str, Any]]:
    """Kind, id, package and version of every entry of a registry in a config, by its dotted place."""
    found = {}
    for place, plugin in configs.plugins(config).items():
        try:
            origin = plugin.registry.origin(plugin.id)
        except ConfigError:  # neither installed nor registered: the object came from Python
            origin = Origin(None, None)
        found[place] = {"kind": plugin.registry.kind, "id": plugin.id, **origin._asdict()}
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def cpuinfo(field: str) -> str:
    """The first value of a field of /proc/cpuinfo, as "model name" or "flags"; empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def processor() -> str:
    """Name of the processor model."""
    return cpuinfo("model name") or platform.processor() or platform.machine()


def num_cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
