"""A wheel, one from a source distribution and an editable install hold the same package. `make` keeps plug-ins."""

import os
import shutil
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


class Checkout:
    """A copy of the repository in which `make` sets up its own environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in ("Makefile", "pyproject.toml", "requirements.lock", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, folder / name)
        for name in ("poet", "envs", "archives", "tests/foreign"):
            shutil.copytree(ROOT / name, folder / name, symlinks=True)
        (folder / ".uv").symlink_to(ROOT / ".uv")
        self.plugins, self.lock = folder / "plugins.txt", folder / "requirements.lock"

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["make", "install", *words], cwd=self.folder, capture_output=True, text=True)

    def change(self, file: Path, text: str) -> None:
        """Write a file, newer than everything that `make` has made."""
        file.write_text(text)
        newest = (self.folder / ".venv" / ".synced").stat().st_mtime + 1
        os.utime(file, (newest, newest))

    def listed(self) -> str:
        return call(self.folder / ".venv" / "bin" / "poet", "list", cwd=self.folder)


@pytest.mark.slow
def test_make_installs_plugins_keeps_them_and_removes_them(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    assert checkout.make().returncode == 0
    example = checkout.plugins.read_text()
    assert example.startswith("#")
    assert "poet-curriculum" not in checkout.listed()

    checkout.change(checkout.plugins, f"{example}-e tests/foreign\n")
    assert checkout.make().returncode == 0
    assert "poet-curriculum 1.0" in checkout.listed()
    assert checkout.make("--question").returncode == 0, "nothing changed, so there is nothing to do"

    checkout.change(checkout.lock, f"{checkout.lock.read_text()}# changed\n")
    assert checkout.make("--question").returncode == 1
    assert checkout.make().returncode == 0
    assert "poet-curriculum 1.0" in checkout.listed()

    project = checkout.folder / "tests" / "foreign" / "pyproject.toml"
    checkout.change(project, project.read_text().replace("log-grid =", "other-grid ="))
    assert checkout.make().returncode == 0
    assert "other-grid" in checkout.listed()

    checkout.change(checkout.plugins, "numpy<2\n")
    refused = checkout.make()
    assert refused.returncode != 0
    assert "numpy<2" in refused.stderr
    assert "plugins.txt does not fit the versions in requirements.lock" in refused.stderr

    checkout.plugins.unlink()
    assert checkout.make().returncode == 0
    assert "poet-curriculum" not in checkout.listed()
    assert checkout.plugins.read_text() == example
