"""The command that installs what is missing."""

import importlib
import importlib.util
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from poet import extras
from poet.errors import ConfigError
from poet.extras import import_extra, install_command


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)  # its import raises ModuleNotFoundError


@pytest.mark.parametrize(
    ("extra", "module", "package"),
    [
        ("tensorboard", "tensorboard", "tensorboard>="),
        ("wandb", "wandb", "wandb>="),
        ("tables", "pandas", "pandas>="),
        ("gymnax", "gymnax", "gymnax==1.0.1"),
        ("xland-minigrid", "xminigrid", "xminigrid"),
        ("craftax", "craftax", "craftax"),
    ],
)
def test_a_missing_package_is_named_with_the_command(
    monkeypatch: pytest.MonkeyPatch, extra: str, module: str, package: str
) -> None:
    without(monkeypatch, module)
    with pytest.raises(ConfigError, match=f"extra {extra!r} is needed here and is not installed .*{module}") as error:
        import_extra(extra, module)
    assert package in str(error.value)


def test_a_folder_of_that_name_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "not_wandb").mkdir()  # as wandb makes one in the working directory
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="not_wandb is a folder without code"):
        import_extra("wandb", "not_wandb")


def test_what_is_installed_is_imported() -> None:
    assert import_extra("tables", "json").loads("1") == 1


@pytest.mark.parametrize(
    ("pip", "ours", "path", "expected"),
    [
        (True, True, True, "PYTHON -m pip install "),
        (False, True, True, "OURS pip install --python PYTHON "),
        (False, False, True, "/usr/bin/uv pip install --python PYTHON "),
        (False, False, False, "PYTHON -m ensurepip && PYTHON -m pip install "),
    ],
)
def test_the_command_is_one_that_works_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pip: bool, ours: bool, path: bool, expected: str
) -> None:
    uv = tmp_path / "my folder" / ".uv" / "bin" / "uv"
    if ours:
        uv.parent.mkdir(parents=True)
        uv.touch()
    python = str(tmp_path / "my folder" / ".venv" / "bin" / "python")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "my folder" / ".venv"))
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: pip or None)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/uv" if path else None)
    expected = expected.replace("PYTHON", shlex.quote(python)).replace("OURS", shlex.quote(str(uv)))
    command = install_command("tensorboard")
    assert command.startswith(expected)
    assert shlex.split(command)[-1].startswith("tensorboard>=")


def test_an_extra_that_the_installed_metadata_lack_is_named_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras.importlib.metadata, "requires", lambda name: ["jax>=0.10", 'x>=1; extra == "other"'])
    assert shlex.split(install_command("tensorboard"))[-1] == "tensorboard"
