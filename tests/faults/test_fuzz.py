"""Readers of a run folder whose files are damaged in any way: they answer with data or with an error of ours, and write
nothing.

Files are damaged as bytes (flipped, cut, repeated, swapped lines), as JSON (values of other types and sizes, missing
and further names), and as arrays (other dtypes and shapes, objects, compressed ones).
"""

import contextlib
import copy
import io
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import poet
from poet.archives.config import GridConfig
from poet.checksum import digest, dump_checksummed
from poet.cli.main import main
from poet.errors import PoetError
from poet.runs import read, repair
from poet.runs.diff import diff_runs
from poet.runs.identity import load_config
from poet.runs.layout import DIGESTS
from poet.runs.status import read_status
from poet.search.map_elites.ask_tell import AskTell
from poet.search.map_elites.config import MapElitesConfig
from poet.view.agents import AgentRun
from poet.view.archive.run import ArchiveRun
from poet.view.niches.run import NicheRun
from poet.view.open import open_run
from tests.runs.toy import ToyConfig, toy_run
from tests.view.archive.fake_archive import fake_archive
from tests.view.fake_run import fake_run

pytestmark = pytest.mark.filterwarnings("ignore:.*cannot be read and is left out:UserWarning")

VALUES = st.sampled_from(
    [
        *(None, True, -1, 3, 2.5, 10**6, 2**62, 10**30, math.nan, math.inf),
        *("", "x", "\x1b[2J", "\ud800", "../x"),
        *([], {}, [[]], [1, "a"], {"a": {"b": []}}, ["x"] * 3),
    ]
)


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@st.composite
def damaged_bytes(draw: Any, data: bytes) -> bytes:
    kinds = ["nested", "empty", "garbage", *(["flip", "cut", "repeat", "swap", "encoding"] if data else [])]
    kind = draw(st.sampled_from(kinds))
    place = draw(st.integers(0, max(len(data) - 1, 0)))
    lines = data.splitlines(keepends=True)
    line = place % max(len(lines), 1)
    match kind:
        case "flip":
            return data[:place] + bytes([data[place] ^ (1 << draw(st.integers(0, 7)))]) + data[place + 1 :]
        case "cut":
            return data[:place]
        case "repeat":
            return b"".join([*lines[: line + 1], *lines[line:]])
        case "swap":
            return b"".join(lines[line:] + lines[:line])
        case "encoding":
            return data.decode("latin-1").encode("utf-16")
        case "nested":
            return nested(draw(st.sampled_from([60, 900, 20_000])))
        case "empty":
            return b""
    return draw(st.binary(max_size=200))


def change(draw: Any, value: Any) -> Any:
    """A copy of JSON values in which one is replaced, removed or added."""
    value = copy.deepcopy(value)
    parent, name = None, None
    inner = value
    while isinstance(inner, dict | list) and inner and (parent is None or draw(st.integers(0, 3))):
        names = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        parent, name = inner, draw(st.sampled_from(names))
        inner = inner[name]
    if parent is None:
        return draw(VALUES)
    match draw(st.sampled_from(["replace", "replace", "remove", "add"])):
        case "replace":
            parent[name] = draw(VALUES)
        case "remove":
            del parent[name]
        case _ if isinstance(parent, dict):
            parent["further"] = draw(VALUES)
        case _:
            parent.append(draw(VALUES))
    return value


@st.composite
def damaged_json(draw: Any, data: bytes) -> bytes:
    loaded = json.loads(data)
    if "digest" in loaded and ("columns" in loaded or "leaves" in loaded):  # with a valid digest, as by hand
        del loaded["digest"]
        changed = change(draw, loaded)
        try:
            return dump_checksummed(changed)
        except (TypeError, ValueError):
            return json.dumps(changed).encode()
    return json.dumps(change(draw, loaded)).encode()


@st.composite
def damaged_journal(draw: Any, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    place = draw(st.integers(0, len(lines) - 1))
    lines[place] = json.dumps(change(draw, json.loads(lines[place]))).encode() + b"\n"
    return b"".join(lines)


@st.composite
def damaged_arrays(draw: Any, data: bytes) -> bytes:
    """Of a .npz, packed again, or of a .npy."""
    packed = data.startswith(b"PK")
    loaded = np.load(io.BytesIO(data), allow_pickle=False)
    arrays = dict(loaded) if packed else {"": loaded}
    name = draw(st.sampled_from(sorted(arrays)))
    array, kind = arrays[name], draw(st.sampled_from(["text", "object", "shape", "half", "complex", "missing", "bomb"]))
    changed = {
        "text": lambda: np.array(["a", "b"]),
        "object": lambda: np.array([{}, None], dtype=object),
        "shape": lambda: np.zeros((2, 3, 1), array.dtype),
        "half": lambda: array[: len(array) // 2] if array.ndim else array,
        "complex": lambda: np.zeros(array.shape, complex),
        "missing": lambda: array,
        "bomb": lambda: np.zeros(3_000_000, np.uint8),
    }[kind]()
    arrays[name] = changed
    if kind == "missing" and packed:
        del arrays[name]
    buffer = io.BytesIO()
    if not packed:
        np.save(buffer, changed, allow_pickle=True)
    elif kind == "bomb":
        np.savez_compressed(buffer, **arrays)
    else:
        np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


def damaged(file: Path) -> st.SearchStrategy[bytes]:
    data = file.read_bytes()
    kinds = [damaged_bytes(data)]
    if file.suffix == ".json":
        kinds.append(damaged_json(data))
    elif file.suffix == ".jsonl":
        kinds.append(damaged_journal(data))
    elif file.suffix in (".npz", ".npy"):
        kinds.append(damaged_arrays(data))
    return st.one_of(kinds[::-1])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs")
    toy_run(root / "toy", ToyConfig(iterations=4))
    return {
        "niches": fake_run(root / "niches", iterations=12, max_niches=3, birth_every=3),
        "archive": fake_archive(root / "archive", iterations=4, snapshots=(2, 4)),
        "toy": root / "toy",
    }


FILES = {
    "niches": ["run.json", "config.json", "journal.jsonl", "niches/1.json", "niches/1.npz"],
    "archive": ["run.json", "config.json", "journal.jsonl", "elites/4/archive.json", "elites/4/descriptor.npy"],
    "toy": ["run.json", "config.json", "journal.jsonl", "checkpoints/4/notes.json", "niches/3.json", "lock"],
}


def tree(folder: Path) -> dict[str, str]:
    return {path.as_posix(): digest(path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()}


def ask(read: Callable[[], Any]) -> None:
    with contextlib.suppress(PoetError):
        read()


def read_all(folder: Path, other: Path) -> None:
    """Every reader, each on its own."""
    for read_it in (read_status, read.read_journal, read.read_config, repair.examine, load_config):
        ask(lambda read_it=read_it: read_it(folder))
    ask(lambda: diff_runs(folder, other))
    for niche in (0, 1, 3):
        ask(lambda niche=niche: read.read_niche(folder, niche))
    ask(lambda: [read.read_elites(folder).arrays[name] for name in read.read_elites(folder).arrays])
    ask(lambda: look(open_run(folder)))


def look(run: Any) -> None:
    """The properties, tables and agents of a run."""
    ask(lambda: repr(run))
    for each in (run.headline, run.is_empty, run.suggested_commands, run.warnings, lambda: run.metrics):
        ask(each)
    for kind in run.tables:
        ask(lambda kind=kind: run.table(kind))
    if isinstance(run, AgentRun):
        for each in (run.default_agent, run.interface, run.policy, run.generator):
            ask(each)
        for which in (0, 1):
            ask(lambda which=which: (run.agent(which), run.genome(which)))
            ask(lambda which=which: run.caption(which))
    if isinstance(run, NicheRun):
        from poet.view.niches.lineage import tree_lines
        from poet.view.niches.plots import values_by_niche

        ask(lambda: tree_lines(run))
        ask(lambda: values_by_niche(run, "fitness"))
    if isinstance(run, ArchiveRun):
        for each in (run.snapshots, run.emitters, run.problem, run.has_environments):
            ask(each)
        ask(lambda: [run.archive(iteration).summary() for iteration in run.snapshots()])
        ask(lambda: run.lineage(run.default_agent()))


def check_case(data: Any, kind: str, folders: dict[str, Path], root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    folder = shutil.copytree(folders[kind], root / "run")
    name = data.draw(st.sampled_from(FILES[kind]))
    (folder / name).write_bytes(data.draw(damaged(folder / name)))
    if name == "niches/1.npz" and data.draw(st.booleans()):  # named by its JSON, as by hand
        meta = json.loads((folder / "niches/1.json").read_bytes())
        meta[DIGESTS] = [digest((folder / name).read_bytes())]
        (folder / "niches/1.json").write_text(json.dumps(meta))
    before = tree(root)
    read_all(folder, folders[kind])
    for command in ("status", "doctor", "inspect", "diff"):
        words = [command, str(folder), *([str(folders[kind])] if command == "diff" else [])]
        assert main(words) in (0, 1, 2)
    assert tree(root) == before


def cases(count: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("kind", FILES)
@given(data=st.data())
@cases(12)
def test_readers_answer(data: Any, kind: str, folders: dict[str, Path], tmp_path_factory: Any) -> None:
    check_case(data, kind, folders, tmp_path_factory.getbasetemp() / f"fuzz-{kind}")


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILES)
@given(data=st.data())
@cases(150)
def test_readers_answer_many(data: Any, kind: str, folders: dict[str, Path], tmp_path_factory: Any) -> None:
    check_case(data, kind, folders, tmp_path_factory.getbasetemp() / f"fuzz-{kind}")


@pytest.fixture(scope="module")
def ask_tell(tmp_path_factory: pytest.TempPathFactory) -> tuple[AskTell, bytes]:
    archive = GridConfig(shape=(4, 4)).make([(-1.0, 1.0), (-1.0, 1.0)])
    search = AskTell(MapElitesConfig(batch=4), archive, np.zeros((1, 2)))
    search.ask()
    file = tmp_path_factory.mktemp("ask") / "saved.npz"
    search.save(file)
    return search, file.read_bytes()


@pytest.mark.parametrize("count", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_ask_and_tell_answers(ask_tell: tuple[AskTell, bytes], tmp_path: Path, count: int) -> None:
    search, saved = ask_tell
    file = tmp_path / "damaged.npz"
    file.write_bytes(saved)

    @cases(count)
    @given(data=st.one_of(damaged_arrays(saved), damaged_bytes(saved)))
    def load(data: bytes) -> None:
        file.write_bytes(data)
        ask(lambda: search.load(file))
        assert file.read_bytes() == data
        assert search.ask().shape == (4, 2)

    load()


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_run_is_not_resumed_and_not_changed(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    for number, (name, content) in enumerate(
        [("run.json", b"[]"), ("run.json", nested(2000)), ("config.json", b"[1]"), ("config.json", nested(900))]
    ):
        folder = shutil.copytree(folders[kind], tmp_path / str(number))
        (folder / name).write_bytes(content)
        before = {path: value for path, value in tree(folder).items() if not path.endswith("/lock")}
        with pytest.raises(PoetError):
            poet.run(ToyConfig(iterations=4), folder)
        assert {path: value for path, value in tree(folder).items() if not path.endswith("/lock")} == before


@pytest.mark.parametrize(
    "content", [b"[]", b"{}", b'{"id": "toy-walk"}', nested(900), b"\xff", b'{"iterations": 1e400}']
)
def test_one_damaged_folder_is_one_row_of_the_list(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    for name in ("a", "b", "c"):
        shutil.copytree(folders["toy"], tmp_path / name)
    (tmp_path / "b" / "config.json").write_bytes(content)
    assert main(["status", "--root", str(tmp_path)]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["a", "b", "c"]
    assert "cannot be read: " in rows[1]
    assert all("4/4" in row for row in (rows[0], rows[2]))
