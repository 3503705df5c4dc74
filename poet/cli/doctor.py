"""`poet doctor`: is this machine ready?"""

import importlib.metadata
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

from poet.cli.main import ROOT


def doctor(root: Path = ROOT) -> int:
    """Whether this machine is ready: Python, packages, devices, compilation cache, disk; exit code 1 if not.

    Args:
        root: Folder of all runs.
    """
    from poet.runs import provenance
    from poet.runs.launch import prepare
    from poet.runs.read import quantity

    trouble = 0

    def report(subject: str, value: Any, bad: bool = False) -> None:
        nonlocal trouble
        trouble += bad
        print(f"{'TROUBLE' if bad else 'ok':<8} {subject:<18} {value}")

    report("python", f"{platform.python_version()} on {platform.platform()}", sys.version_info < (3, 11))
    report("processor", f"{provenance.processor()}, {os.cpu_count()} cores")
    for package in provenance.PACKAGES:
        try:
            report(package, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            report(package, "not installed", bad=True)
    base = next(folder for folder in (root, *root.resolve().parents) if folder.is_dir())
    report("runs", f"{root.resolve()}", not os.access(base, os.W_OK))
    free = shutil.disk_usage(base).free
    report("free disk", f"{quantity(free)}B", free < 1e9)
    if root.is_dir():
        prepare(root, None)
    try:
        import jax

        devices = jax.devices()
        report("devices", f"{len(devices)} x {devices[0].platform} ({devices[0].device_kind})")
    except Exception as error:  # the error of a broken driver is what the user needs to see
        report("devices", error, bad=True)
    cache = Path(os.environ.get("JAX_COMPILATION_CACHE_DIR", ""))
    entries = list(cache.glob("*-cache")) if root.is_dir() else []
    report("compilation cache", f"{len(entries)} entries, {quantity(sum(e.stat().st_size for e in entries))}B")
    return 1 if trouble else 0
