"""Texts of a run are printed as text: no character reaches the terminal that it would obey, and no markup is read."""

import ast
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.table import Table

from poet.checksum import dump_checksummed, load_checksummed
from poet.runs.progress import Reporter
from poet.search.config import presets
from poet.terminal import new_console, print_lines, printable
from tests.test_layers import SOURCES, module_name
from tests.view.run_folder import edit_json

Command = Callable[..., tuple[int, str]]

# Payloads, and how they are shown.
PAYLOADS = {
    "clear screen": ("\x1b[2J", r"\x1b[2J"),
    "title": ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
    "hyperlink": ("\x1b]8;;file:///\x1b\\", "\\x1b]8;;file:///\\x1b\\"),
    "C1": ("\x9b31m", r"\x9b31m"),
    "carriage return": ("\rok\x08\x08", r"\rok\x08\x08"),
    "line feed": ("\nok", r"\nok"),
    "delete": ("\x7f\x00", r"\x7f\x00"),
    "right to left": ("\u202egpj\u2066\u200f", r"\u202egpj\u2066\u200f"),
    "line separators": ("\u2028\x85\x0b", r"\u2028\x85\x0b"),
    "hidden": ("\u200b\ufeff\U000e0041", r"\u200b\ufeff\U000e0041"),
    "markup": ("[red]x[/nope][link=file:///]:smile:",) * 2,
}
ALL = "".join(payload for payload, _ in PAYLOADS.values())


def is_clean(text: str) -> bool:
    return all(sign == "\n" or sign.isprintable() for sign in text)


KINDS = {"niches": "niches", "archive": "archive", "journal": "journal", "options": "niches", "ids": "niches"}


@pytest.fixture(scope="session")
def hostile(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs again, with all payloads in each text; with those that a name of a folder can have in that.

    Of two more runs with niches the config names ids and options that are not there.
    """
    root = tmp_path_factory.mktemp("hostile")
    for kind, original in KINDS.items():
        run = shutil.copytree(originals / original, root / f"{kind}{ALL.replace('/', '').replace(chr(0), '')}")
        rows = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
        rows.append({"event": f"event{ALL}", "iteration": 3, f"field{ALL}": ALL, "list": [ALL]})
        (run / "journal.jsonl").write_text("".join(json.dumps(_poison(row)) + "\n" for row in rows))
        identity = {"interface": {"id": f"interface{ALL}"}, "generator": {"id": ALL, "version": ALL}}
        edit_json(run / "run.json", headline=["best", f"text{ALL}"], identity=identity, search=ALL)
        if kind == "options":
            options = presets.get("tiny").to_dict()
            options["learner"]["strategy"] += ALL
            edit_json(run / "config.json", **options)
        if kind == "ids":
            edit_json(run / "config.json", generator={"id": ALL}, policy={"id": ALL}, **{f"field{ALL}": ALL})
        if kind == "archive":
            for file in run.glob("elites/*/archive.json"):
                header = load_checksummed(file.read_bytes())
                header["meta"] |= {"descriptor_names": [f"left{ALL}", f"right{ALL}"], "iteration": ALL}
                header["meta"]["spec"]["id"] = f"grid{ALL}"
                file.write_bytes(dump_checksummed(header))
    return root


def _poison(row: dict[str, Any]) -> dict[str, Any]:
    texts = ("description", "via", "difficulty", "verdict", "kind", "what")
    row |= {name: f"{row[name]}{ALL}" for name in texts if row.get(name) is not None}
    if row.get("event") == "iteration":
        row[f"text{ALL}"] = f"value{ALL}"
    if "emitters" in row:
        row["emitters"] = {f"{name}{ALL}": report for name, report in row["emitters"].items()}
    if "features" in row:
        row["features"] = {f"{name}{ALL}": value for name, value in row["features"].items()}
    return row


COMMANDS = [
    ("status", "--root", "ROOT"),
    ("status", "RUN"),
    ("list", "--root", "ROOT"),
    ("inspect", "RUN"),
    ("diff", "RUN", "ORIGINAL"),
    ("doctor", "RUN"),
    ("doctor", "RUN", "--repair"),
    ("plot", "RUN", "--what", "nothing"),
    ("run", "RUN", "--help"),
    ("eval", "RUN", "--on", f"x{ALL}".replace("\0", "")),
    ("inspect", f"nothing{ALL}".replace("\0", "")),
    *(
        pytest.param(words, marks=pytest.mark.ci)
        for words in (
            ("plot", "RUN", "--what", "overview"),
            ("run", "RUN"),
            ("run", "--from", "RUN", "--name", "x"),
            ("eval", "RUN", "--episodes", "1"),
            ("export", "RUN"),
            ("video", "RUN"),
        )
    ),
]


@pytest.mark.few(30)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(map(printable, words))[:40])
@pytest.mark.filterwarnings("ignore:Glyph")
def test_no_command_prints_what_a_terminal_obeys(
    hostile: Path, originals: Path, tmp_path: Path, command: Command, kind: str, words: tuple[str, ...]
) -> None:
    (run,) = hostile.glob(f"{kind}*")
    run = shutil.copytree(run, tmp_path / run.name)
    places = {"ROOT": tmp_path, "RUN": run, "ORIGINAL": originals / KINDS[kind]}
    _, printed = command(*(places.get(word, word) for word in words))
    assert printed
    assert is_clean(printed), [sign for sign in printed if not sign.isprintable() and sign != "\n"]


@pytest.mark.parametrize(
    ("kind", "words", "shown"),
    [
        ("niches", (), 6),
        ("niches", ("--niche", "1"), 4),
        ("niches", ("--kind", "child"), 1),
        ("archive", (), 3),
        ("archive", ("--elite", "1"), 2),
        ("journal", (), 3),
    ],
)
def test_payloads_are_shown_literally(
    hostile: Path, command: Command, kind: str, words: tuple[str, ...], shown: int
) -> None:
    (run,) = hostile.glob(f"{kind}*")
    code, printed = command("inspect", run, *words)
    assert (code, is_clean(printed)) == (0, True)
    text = "".join(line.strip(" │") for line in printed.splitlines())
    assert text.count(r"\x1b[2J") >= shown
    assert r"\u202egpj" in text
    assert "[red]x[" in text


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_shown_as_its_escapes(payload: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, shown = PAYLOADS[payload]
    assert printable(text) == shown
    print_lines(text, f"{text}\n{text}")
    assert capsys.readouterr().out == f"{shown}\n{shown}\\n{shown}\n"
    console = new_console(width=300)
    table = Table(title=text)
    table.add_column(text)
    table.add_row(text)
    console.print(table)
    console.print(text)
    reporter = Reporter(console)
    reporter.message(text)
    printed = capsys.readouterr().out
    assert is_clean(printed)
    if "\n" not in text:
        assert printed.count(shown) == 5, "title, column and cell of the table, text, message"


def test_plain_text_stays_as_it_is() -> None:
    for text in ("", "poet run laptop", "Wände, 迷路, лабиринт, भूलभुलैया", "C:\\new", "a [b] c"):
        assert printable(text) == text
    assert printable("a\nb\tc", keep="\n") == "a\nb\\tc"
    assert printable(np.float32(1.5)) == "1.5"
    assert printable("caf\udce9") == "caf\\udce9"  # a file name that is not UTF-8


def calls(path: Path) -> set[str]:
    found = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {ast.unparse(function) for function in found}


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_whatever_is_printed_goes_through_one_module(path: Path) -> None:
    printing = calls(path) & {"print", "Console", "sys.stdout.write", "sys.stderr.write", "rich.print"}
    alone = {"poet.terminal", "poet.view.standalone"}  # the latter is exported, and prints numbers
    assert bool(printing) == (module_name(path) in alone)
