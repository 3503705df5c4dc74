"""Nothing is written where a link below the folder of a run leads, and `--out` is what the user names."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from poet.archives.files import read_parquet
from poet.errors import RunError
from poet.runs.fork import fork
from poet.runs.layout import RUN, read_run, refuse_links_in_run
from poet.view.open import open_run
from tests.runs.toy import ToyConfig
from tests.view.run_folder import edit_json

Command = Callable[..., tuple[int, str]]

# What writes below the folder of a run, and the folder of the run that it makes for that.
WRITERS = {
    "plot": ("niches", "media", ["plot", "RUN", "--what", "fitness"]),
    "plot of an archive": ("archive", "media", ["plot", "RUN", "--what", "heatmap"]),
    "page": ("archive", "media", ["plot", "RUN", "--what", "explore", "--num-pictures", "1"]),
    "video": ("niches", "media", ["video", "RUN", "--niche", "0"]),
    "export": ("niches", "export", ["export", "RUN", "--agent", "0"]),
    "export to a folder in the run": ("niches", "mine", ["export", "RUN", "--agent", "0", "--out", "RUN/mine/0"]),
}


IN_CI = {"plot of an archive", "page", "video"}
WITH_EACH_WRITER = pytest.mark.parametrize(
    "writer", [pytest.param(name, marks=[pytest.mark.ci] * (name in IN_CI)) for name in WRITERS]
)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of the user with what nothing may change."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_text("precious")
    return folder


def untouched(outside: Path) -> bool:
    files = [path for path in outside.rglob("*") if not path.is_dir()]
    return [file.name for file in files] == ["precious"] and files[0].read_text() == "precious"


def give(command: Command, run: Path, words: list[str]) -> tuple[int, str]:
    return command(*(word.replace("RUN", str(run)) for word in words))


@pytest.mark.few(2)
@WITH_EACH_WRITER
def test_a_folder_that_is_a_link_is_refused(
    originals: Path, tmp_path: Path, outside: Path, command: Command, writer: str
) -> None:
    name, folder, words = WRITERS[writer]
    for target in (outside, shutil.copytree(originals / name, outside / "run")):  # also one to another run
        run = shutil.copytree(originals / name, tmp_path / f"run to {target.name}")
        (run / folder).symlink_to(target)
        before = sorted(outside.rglob("*"))
        code, printed = give(command, run, words)
        assert code == 2
        assert f"{run / folder} is a link" in printed
        assert sorted(outside.rglob("*")) == before
        (run / folder).unlink()
        (run / folder).mkdir()
        assert give(command, run, words)[0] == 0
        assert sorted(outside.rglob("*")) == before


@WITH_EACH_WRITER
def test_links_in_place_of_files_are_replaced(
    originals: Path, tmp_path: Path, outside: Path, command: Command, writer: str
) -> None:
    name, _, words = WRITERS[writer]
    run = shutil.copytree(originals / name, tmp_path / "run")
    assert give(command, run, words)[0] == 0
    written = [
        path for path in run.rglob("*") if path.is_file() and not (originals / name / path.relative_to(run)).exists()
    ]
    assert written
    for path in written:
        path.unlink()
        path.symlink_to(outside / "precious")
        for guess in (f".{path.name}.tmp", f"{path.name}.tmp", f".{path.name}.draft", f"{path.name}.part"):
            (path.parent / guess).symlink_to(outside / "precious")
    assert give(command, run, words)[0] == 0
    assert untouched(outside)
    assert not any(path.is_symlink() for path in written)


@pytest.mark.ci
def test_deeper_links_and_loops_are_refused(originals: Path, tmp_path: Path, outside: Path, command: Command) -> None:
    run = shutil.copytree(originals / "niches", tmp_path / "run")
    (run / "export").mkdir()
    (run / "export" / "niche_0").symlink_to(outside)
    (run / "media").symlink_to("media")
    for expected, words in (
        (2, ["export", run, "--agent", "0"]),
        (1, ["plot", run]),  # each picture that cannot be made is named
        (2, ["video", run, "--niche", "0"]),
    ):
        code, printed = command(*words)
        assert (code, "is a link" in printed) == (expected, True)
    assert untouched(outside)
    assert command("status", run)[0] == command("inspect", run)[0] == 0


def test_links_outside_of_runs_are_the_users_own(
    originals: Path, tmp_path: Path, outside: Path, command: Command
) -> None:
    (tmp_path / "link").symlink_to(outside)
    run = shutil.copytree(originals / "niches", outside / "run")
    for named in ("link/run", "link/run/../run"):  # a run that is reached through a link
        assert command("plot", tmp_path / named, "--what", "fitness")[0] == 0
        assert (run / "media" / "fitness.png").exists()
    assert command("plot", run, "--what", "fitness", "--out", tmp_path / "link" / "x.png")[0] == 0
    assert (outside / "x.png").exists()
    assert command("export", run, "--agent", "0", "--out", tmp_path / "link" / "agent")[0] == 0
    assert (outside / "agent" / "policy.py").exists()
    refuse_links_in_run(tmp_path / "link" / "x.png")


@pytest.mark.few(6)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plot", "RUN", "--what", "fitness", "--out", "OUT/folder.png"], None),  # a folder with a dot in its name
        (["plot", "RUN", "--what", "fitness", "--out", "OUT/file"], "file is there and is not a folder"),
        (["plot", "RUN", "--what", "fitness", "--out", "OUT/file/x.png"], "file is there and is not a folder"),
        (["plot", "RUN", "--what", "fitness", "--out", "OUT/pipe.png"], "pipe.png is there and is not a file"),
        (
            ["plot", "RUN", "--what", "fitness", "--out", "OUT/device.gif/x.png"],
            "device.gif is there and is not a folder",
        ),
        (["video", "RUN", "--niche", "0", "--out", "OUT/folder.gif"], "folder.gif is there and is not a file"),
        (["video", "RUN", "--niche", "0", "--out", "OUT/device.gif"], "device.gif is there and is not a file"),
        (["export", "RUN", "--agent", "0", "--out", "OUT/file"], "file is there and is not a folder"),
        (["export", "RUN", "--agent", "0", "--out", "OUT/pipe.png"], "pipe.png is there and is not a folder"),
        (["export", "RUN", "--agent", "0", "--out", "OUT/loop"], "cannot write"),
        (["video", "RUN", "--niche", "0", "--out", f"OUT/{'n' * 300}.gif"], "cannot write"),
    ],
    ids=lambda value: "_".join(value)[:60] if isinstance(value, list) else "",
)
def test_an_output_of_the_wrong_kind_is_refused_in_words(
    originals: Path, tmp_path: Path, command: Command, words: list[str], message: str | None
) -> None:
    out = tmp_path / "out"
    (out / "folder.png").mkdir(parents=True)
    (out / "folder.gif").mkdir()
    (out / "file").write_text("precious")
    (out / "loop").symlink_to("loop")
    (out / "device.gif").symlink_to("/dev/null")  # never the device itself: a test that fails would replace it
    os.mkfifo(out / "pipe.png")
    code, printed = command(
        *(word.replace("RUN", str(originals / "niches")).replace("OUT", str(out)) for word in words)
    )
    assert code == (0 if message is None else 2), printed
    assert (message or "fitness.png") in printed
    assert (out / "file").read_text() == "precious"
    assert (out / "pipe.png").is_fifo()
    assert (out / "device.gif").is_char_device()


@pytest.mark.parametrize("kind", ["artifacts", "snapshots"])
@pytest.mark.parametrize("folder", ["..", ".", "", "../other", "/tmp", "a/b", 3, ["niches"]])
def test_folders_of_records_are_folders_of_the_run(
    originals: Path, tmp_path: Path, command: Command, kind: str, folder: object
) -> None:
    run = shutil.copytree(originals / "journal", tmp_path / "run")
    edit_json(run / RUN, **{kind: [folder]})
    with pytest.raises(RunError, match="expects names of folders of the run"):
        read_run(run)
    for words in (["inspect", run], ["doctor", run], ["run", run], ["run", "--from", run, "--name", "twin"]):
        assert command(*words)[0] == 2


def test_a_fork_copies_links_as_links(originals: Path, tmp_path: Path, outside: Path) -> None:
    run = shutil.copytree(originals / "journal", tmp_path / "run")
    (run / "niches" / "there").symlink_to(outside)
    (run / "niches" / "here").symlink_to(".")
    fork(run, tmp_path / "twin", ToyConfig(iterations=4))
    assert {path.name for path in (tmp_path / "twin" / "niches").iterdir() if path.is_symlink()} == {"there", "here"}


@pytest.mark.ci
def test_a_table_is_written_beside_links_that_someone_prepared(originals: Path, tmp_path: Path, outside: Path) -> None:
    pytest.importorskip("pyarrow")
    run = shutil.copytree(originals / "archive", tmp_path / "run")
    for name in ("x.parquet", "x.parquet.part"):
        (run / name).symlink_to(outside / "precious")
    elites = open_run(run).archive()
    elites.parquet(run / "x.parquet")
    assert untouched(outside)
    assert len(read_parquet(run / "x.parquet")[1]["fitness"]) == len(elites)
