"""The pages: marked Python blocks run, commands and make targets exist, relative links point to files.

A block runs if the line before it is the comment `<!-- run -->`. The marked blocks of a page run in order in one
process, in an empty folder, as the cells of a notebook do.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from poet.cli import main as cli
from poet.runs import launch
from poet.search.config import RunConfig, presets

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MIN_BLOCKS = 5

_BLOCK = re.compile(r"^<!-- run -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|<(?:img|a)\b[^>]*?(?:src|href)=\"([^\"]+)\"")
_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def markdown_files() -> list[Path]:
    """Every .md file of the repository, without hidden folders and runs."""
    found = list(ROOT.glob("*.md"))
    for folder in ROOT.iterdir():
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in ("runs", "build", "dist"):
            found += folder.rglob("*.md")
    return sorted(found)


def blocks(page: Path) -> list[str]:
    """The marked blocks of a page, each with empty lines before it, so that errors name the line of the page."""
    text = page.read_text()
    return ["\n" * text.count("\n", 0, match.start(1)) + match[1] for match in _BLOCK.finditer(text)]


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each command in the shell blocks of a page."""
    for block in _SHELL.findall(page.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|;", line.partition("#")[0]):
                if words := shlex.split(part):
                    yield words


RUNNABLE = [page for page in PAGES if blocks(page)]


def test_at_least_five_blocks_are_marked() -> None:
    assert sum(len(blocks(page)) for page in RUNNABLE) >= MIN_BLOCKS
    marks = sum(page.read_text().count("<!-- run -->\n") for page in PAGES if page.name != "CONTRIBUTING.md")
    assert marks == sum(len(blocks(page)) for page in RUNNABLE), "a mark without a Python block on the next line"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled programs, shared by the pages: several of them use the same preset."""
    return tmp_path_factory.mktemp("cache")


# Pages outside docs/extending run whole presets, which takes minutes.
PARAMETERS = [
    pytest.param(page, marks=pytest.mark.ci if page.parent.name == "extending" else pytest.mark.slow)
    for page in RUNNABLE
]


@pytest.mark.parametrize("page", PARAMETERS, ids=name_of)
def test_marked_blocks_run(page: Path, tmp_path: Path, cache: Path) -> None:
    program = "".join(
        f"exec(compile({source!r}, {str(page)!r}, 'exec'), globals())\nprint('block', {number}, 'ran')\n"
        for number, source in enumerate(blocks(page))
    )
    settings = {"JAX_NUM_CPU_DEVICES": "1", "JAX_COMPILATION_CACHE_DIR": str(cache), "MPLBACKEND": "agg"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert len(re.findall(r"^block \d+ ran$", done.stdout, re.MULTILINE)) == len(blocks(page))


class _Started(Exception):
    """A run would start now."""


def exit_code(words: list[str]) -> int:
    """That of the command; 0 if it would start a run."""
    try:
        return cli.main(words)
    except _Started:
        return 0
    except SystemExit as end:
        return int(end.code or 0)


@pytest.mark.few(4)
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(config: RunConfig, path: Path, **options: object) -> None:
        raise _Started

    monkeypatch.setattr(launch, "run", start)
    monkeypatch.chdir(tmp_path)
    for program, *words in commands(page):
        if Path(program).name == "make":
            assert set(words) <= set(_TARGET.findall((ROOT / "Makefile").read_text())), words
        if Path(program).name != "poet":
            continue
        assert words[0] in cli.COMMANDS, words
        # Of other commands the options depend on the view of the run, and runs of pages are not there.
        if words[0] == "run" and words[1] in presets.ids() and "--from" not in words:
            assert exit_code(words) == 0, words


@pytest.mark.parametrize("path", markdown_files(), ids=name_of)
def test_relative_links_point_to_files(path: Path) -> None:
    text = _FENCED.sub("", path.read_text())
    for markdown, html in _LINK.findall(text):
        link = markdown or html
        if re.match(r"[a-z]+:", link) or link.startswith("#"):
            continue
        target = path.parent / link.partition("#")[0]
        assert target.exists(), f"{name_of(path)} links to {link}"


def test_the_checks_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "text\n\n<!-- run -->\n```python\n1 / 0\n```\n\n```python\nnot run\n```\n\n```sh\npoet fly a\n```\n"
    )
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert blocks(page) == ["\n" * 4 + "1 / 0\n"]
    assert list(commands(page)) == [["poet", "fly", "a"]]
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        test_marked_blocks_run(page, tmp_path, tmp_path)
    page.write_text("[gone](gone.md)\n\n```text\n[not a link](x)\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md links to gone\.md"):
        test_relative_links_point_to_files(page)
