"""Commands in messages work as they stand, however `poet` was started."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from poet import command_line
from poet.cli.main import COMMANDS
from tests.plugins import environment, poet_command
from tests.test_layers import SOURCES, module_name

MAIN = str(Path(command_line.__file__).with_name("__main__.py"))


@pytest.fixture(autouse=True)
def program() -> None:
    """In place of that of all tests: here the module is as users have it."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two environments; this Python is that of the first."""
    for script in ("env/bin/poet", "other env/bin/poet"):
        (tmp_path / script).parent.mkdir(parents=True)
        (tmp_path / script).touch(0o755)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "env/bin/python"))
    monkeypatch.setattr(sys, "argv", ["env/bin/poet"])
    monkeypatch.setattr(sys, "orig_argv", ["my/python", "-m", "poet"])
    return tmp_path


# How the process was started, PATH, where it runs -> what a message says; {} is the folder of the environments.
STARTED = {
    "script, from its repository": ("env/bin/poet", "", ".", "env/bin/poet"),
    "script, from elsewhere": ("../env/bin/poet", "", "below", "../env/bin/poet"),
    "script, by its whole path": ("{}/env/bin/poet", "", "below", "{}/env/bin/poet"),
    "script in a folder with a space": ("other env/bin/poet", "", ".", "'other env/bin/poet'"),
    "found on PATH": ("{}/env/bin/poet", "{}/env/bin", ".", "poet"),
    "another one is on PATH": ("env/bin/poet", "{}/other env/bin", ".", "env/bin/poet"),
    "python -m poet": (MAIN, "{}/env/bin", ".", "my/python -m poet"),
    "notebook": ("ipykernel_launcher.py", "", ".", "env/bin/poet"),
    "notebook in another folder": ("ipykernel_launcher.py", "", "below", "{}/env/bin/poet"),
    "notebook, environment activated": ("ipykernel_launcher.py", "{}/env/bin", ".", "poet"),
    "python -c": ("-c", "", ".", "env/bin/poet"),
    "the script is gone since": ("gone/bin/poet", "", ".", "env/bin/poet"),
}


@pytest.mark.parametrize("case", STARTED)
def test_the_program_is_named_as_it_was_started(case: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started, path, directory, expected = (text.format(folder) for text in STARTED[case])
    monkeypatch.setattr(sys, "argv", [started])
    monkeypatch.setenv("PATH", path)
    monkeypatch.chdir(folder / directory)
    assert command_line.command("list") == f"{expected} list"


def test_an_environment_without_the_script_is_started_by_its_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", "/no such/python")
    assert command_line.command("list") == "'/no such/python' -m poet list"


def test_a_directory_that_was_deleted_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "gone").mkdir()
    monkeypatch.chdir(folder / "gone")
    (folder / "gone").rmdir()
    assert command_line.command("list") == f"{folder}/env/bin/poet list"


WORDS = [
    (("run", "runs/a"), "run runs/a"),
    (("run", Path("my runs/a")), "run 'my runs/a'"),
    (("run", "$HOME/a;b"), "run '$HOME/a;b'"),
    (("run", "runs/it's", "--iterations", 8), "run 'runs/it'\"'\"'s' --iterations 8"),
    ((), ""),
]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("words", "expected"), WORDS)
def test_words_are_quoted_for_a_shell(words: tuple[object, ...], expected: str) -> None:
    assert command_line.command(*words) == f"env/bin/poet {expected}".rstrip()
    assert shlex.split(command_line.command(*words))[1:] == [str(word) for word in words]


def test_a_printed_command_works_as_it_stands(tmp_path: Path) -> None:
    settings = environment()
    asked = poet_command("status", "--root", "my runs")
    said = subprocess.run(asked, cwd=tmp_path, env=settings, capture_output=True, text=True, check=True).stdout
    hint = said.partition("start one with: ")[2].strip()
    assert hint == f"{asked[0]} -m poet run tiny --root 'my runs'"
    done = subprocess.run(f"{hint} --help", shell=True, cwd=tmp_path, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"usage: {asked[0]} -m poet run tiny" in done.stdout


def fixed_commands(source: str) -> list[str]:
    """Texts in a module that name a command of `poet` themselves; docstrings may."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    names = "|".join(COMMANDS)
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
        and re.search(rf"\bpoet ({names})\b", node.value)
    ]


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_no_message_names_a_command_by_itself(path: Path) -> None:
    assert not fixed_commands(path.read_text()), "use poet.command_line.command"


def test_the_check_can_fail() -> None:
    assert fixed_commands('"""poet run a"""\nf"resume it: poet run {path}"') == ["resume it: poet run "]
