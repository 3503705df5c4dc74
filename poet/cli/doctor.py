"""`poet doctor`: is this machine ready?"""

import importlib.metadata
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import tyro

from poet.cli.runs import find_run
from poet.command_line import command
from poet.errors import ConfigError
from poet.runs.layout import ROOT
from poet.terminal import print_lines

MAX_WHOLE = 20  # parts that are listed one by one


def doctor(run: tyro.conf.Positional[Path | None] = None, *, repair: bool = False, root: Path = ROOT) -> int:
    """Whether this machine is ready, or what of a run is whole and what is damaged; exit code 1 if something is not.

    Args:
        run: Run folder or name; by default the machine is examined: Python, packages, devices, cache, disk.
        repair: Make the run one that can be resumed, from what is whole; nothing is deleted.
        root: Folder of all runs.
    """
    if run is not None:
        return examine_run(find_run(run, root), repair)
    if repair:
        raise ConfigError(f"--repair expects a run: {command('doctor', 'RUN', '--repair')}")
    from poet.runs import provenance
    from poet.runs.cache import describe_cache
    from poet.runs.launch import prepare
    from poet.runs.status import quantity

    trouble = 0

    def report(subject: str, value: Any, bad: bool = False) -> None:
        nonlocal trouble
        trouble += bad
        print_lines(*f"{'TROUBLE' if bad else 'ok':<8} {subject:<18} {value}".split("\n"))

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
    try:
        problem = prepare(None)
        import jax

        devices = jax.devices()
        report("devices", f"{len(devices)} x {devices[0].platform} ({devices[0].device_kind})")
        report("compilation cache", f"none: {problem}" if problem else describe_cache())
    except Exception as error:  # the error of a broken driver is what the user needs to see
        report("devices", error, bad=True)
    return 1 if trouble else 0


def examine_run(path: Path, repair: bool) -> int:
    """Print what of a run is whole and what is not; exit code 1 if something is damaged."""
    from poet.runs import repair as repairs

    if repair:
        print_lines(*repairs.repair(path) or ["there is nothing to repair"])
    findings = repairs.examine(path)
    damaged = [finding for finding in findings if finding.advice]
    for part, state, advice in findings:
        if advice:
            print_lines(f"DAMAGED  {part}: {state}", f"         {advice}")
        elif len(findings) - len(damaged) <= MAX_WHOLE:
            print_lines(f"ok       {part}: {state}")
    if len(findings) - len(damaged) > MAX_WHOLE:
        print_lines(f"ok       {len(findings) - len(damaged)} other parts")
    return 1 if damaged else 0
