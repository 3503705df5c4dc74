"""A wheel, a wheel from the source distribution, and an editable install hold the same package."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UV = ROOT / ".uv" / "bin" / "uv"  # `make` puts it there
PROGRAM = """
import sys, pathlib, poet, poet.envs.base, poet.archives.grid, poet.envs.walker.config
from poet.archives.grid import grid
assert len(grid((2, 2), ((0, 1), (0, 1))).spec["shape"]) == 2
assert not {"envs", "archives"} & set(sys.modules)
print(pathlib.Path(poet.__file__).resolve().parents[1])
"""


def call(*command: object, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fresh_environment(folder: Path) -> Path:
    """A Python environment without our package, in which the dependencies of this one can be imported."""
    call(UV, "venv", "--quiet", "--python", sys.executable, folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    site = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.mark.slow
@pytest.mark.parametrize("way", ["wheel", "sdist", "editable"])
def test_installs_beside_folders_of_the_same_names(way: str, tmp_path: Path) -> None:
    research = tmp_path / "research"
    for name in ("envs", "archives"):
        (research / name).mkdir(parents=True)
        (research / name / "__init__.py").write_text("raise ImportError('not ours')")
    python = fresh_environment(tmp_path / "venv")
    if way == "editable":
        call(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", "--editable", ROOT, cwd=research)
        expected = ROOT
    else:
        call(UV, "build", "--quiet", f"--{way}", "--out-dir", tmp_path / "dist", ROOT, cwd=research)
        if way == "sdist":
            source = next((tmp_path / "dist").glob("*.tar.gz"))
            call(UV, "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", source, cwd=research)
        wheel = next((tmp_path / "dist").glob("*.whl"))
        names = zipfile.ZipFile(wheel).namelist()
        assert len(names) == len(set(names)), "a link was followed, so its files are in the wheel twice"
        assert {name.split("/")[0].split("-")[0] for name in names} == {"poet", "poet_evolution"}
        call(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", wheel, cwd=research)
        expected = Path(
            call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=research).strip()
        )
    assert Path(call(python, "-c", PROGRAM, cwd=research).strip()) == expected.resolve()
    assert "walker" in call(python.with_name("poet"), "list", cwd=research)
