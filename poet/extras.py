"""Packages that are installed on demand, the extras of pyproject.toml, and the command that installs them."""

import importlib
import importlib.metadata
import importlib.util
import shlex
import shutil
import sys
from pathlib import Path
from types import ModuleType

from poet.errors import ConfigError


def import_extra(extra: str, module: str) -> ModuleType:
    """Import a module of an extra. Raises `ConfigError` with the command that installs it."""
    try:
        found = importlib.import_module(module)
        if found.__file__ is None:  # a folder of that name in the working directory
            raise ImportError(f"{module} is a folder without code")
    except ImportError as error:
        raise ConfigError(
            f"the extra {extra!r} is needed here and is not installed ({error}): {install_command(extra)}"
        ) from error
    return found


def install_command(extra: str) -> str:
    """The command that adds the packages of an extra to this Python."""
    python = shlex.quote(sys.executable)
    packages = shlex.join(_requirements(extra))
    if importlib.util.find_spec("pip"):
        return f"{python} -m pip install {packages}"
    ours = Path(sys.prefix).parent / ".uv" / "bin" / "uv"  # of `make`, whose environments have no pip
    uv = str(ours) if ours.is_file() else shutil.which("uv")
    if uv:
        return f"{shlex.quote(uv)} pip install --python {python} {packages}"
    return f"{python} -m ensurepip && {python} -m pip install {packages}"


def _requirements(extra: str) -> list[str]:
    """What the installed metadata lists for an extra; its name where they are older than the extra."""
    requirements = importlib.metadata.requires("poet-evolution") or []
    suffixes = (f"extra == '{extra}'", f'extra == "{extra}"')
    return [each.partition(";")[0].strip() for each in requirements if each.endswith(suffixes)] or [extra]
