"""Packages of other authors, as their installation leaves them: a folder of modules and the metadata beside it."""

import os
import shutil
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOREIGN = ROOT / "tests" / "foreign"


def install(site: Path, renames: dict[str, str] | None = None) -> Path:
    """Put the foreign package into a folder for PYTHONPATH; `renames` are applied to every text and name in it."""

    def renamed(text: str) -> str:
        for old, new in (renames or {}).items():
            text = text.replace(old, new)
        return text

    project = tomllib.loads(renamed((FOREIGN / "pyproject.toml").read_text()))["project"]
    for file in (FOREIGN / "poet_curriculum").glob("*.py"):
        target = site / renamed("poet_curriculum") / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(renamed(file.read_text()))
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    shutil.rmtree(info, ignore_errors=True)
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    sections = (
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in points.items())])
        for group, points in project["entry-points"].items()
    )
    (info / "entry_points.txt").write_text("\n\n".join(sections) + "\n")
    return site


def environment(*sites: Path) -> dict[str, str]:
    """Environment variables of a process in which these folders are importable, and our sources."""
    hidden = ("JAX_NUM_CPU_DEVICES", "JAX_COMPILATION_CACHE_DIR", "PYTHONPATH")
    clean = {name: value for name, value in os.environ.items() if name not in hidden}
    return clean | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, *sites))), "COLUMNS": "160"}


def poet_command(*words: str) -> list[str]:
    """The command line of `poet`, in a process of its own."""
    return [sys.executable, "-m", "poet", *words]
