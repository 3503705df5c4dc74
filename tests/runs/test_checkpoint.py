import errno
import json
import os
import resource
import shutil
import threading
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.errors import ContractError, RunError
from poet.runs import checkpoint
from poet.runs.checkpoint import check_state, leaves, load, newest, save, steps
from poet.runs.journal import Mark
from tests.faults.operations import Moment, watched


class Part(NamedTuple):
    mean: Any
    count: Any


def make_state(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "key": jax.random.key(seed),
        "keys": jax.random.split(jax.random.key(seed), 3),
        "rbg": jax.random.key(seed, impl="rbg"),
        "part": Part(jnp.asarray(rng.normal(size=(5, 7)), jnp.float32), np.asarray(2**40 + seed)),
        "low": jnp.asarray(rng.normal(size=3), jnp.bfloat16),
        "float64": rng.normal(size=4),
        "odd": np.array([np.nan, np.inf, -0.0, 5e-324]),
        "mask": np.array([True, False]),
        "scalar": jnp.int32(seed),
    }


def assert_same(a: Any, b: Any) -> None:
    assert leaves(a) == leaves(b)
    assert jax.tree.structure(a) == jax.tree.structure(b)


def mark(offset: int) -> Mark:
    return Mark(offset, f"digest of {offset}")


def test_every_kind_of_leaf_is_loaded_bit_for_bit(tmp_path: Path) -> None:
    state = make_state(3)
    save(tmp_path, state, 7, mark(123))
    loaded, offset = load(tmp_path, 7, make_state(0))
    assert offset == mark(123)
    assert_same(loaded, state)
    assert type(loaded["part"]) is Part
    assert type(loaded["part"].count) is np.ndarray
    assert loaded["part"].count.dtype == np.int64
    assert isinstance(loaded["low"], jax.Array)
    assert jax.random.key_impl(loaded["rbg"]) == jax.random.key_impl(state["rbg"])


def test_a_loaded_state_can_be_used_on_any_device(tmp_path: Path) -> None:
    state = make_state()
    save(tmp_path, state, 1, mark(0))
    loaded, _ = load(tmp_path, 1, state)
    other = jax.device_put(jnp.ones((5, 7)), jax.devices()[-1])
    assert (loaded["part"].mean + other).devices() == other.devices()


def test_a_history_that_grew_is_loaded_at_its_size(tmp_path: Path) -> None:
    state = {
        "history": np.arange(8.0).reshape(4, 2),
        "mean": jnp.ones((6, 2)),
        "keys": jax.random.split(jax.random.key(1), 4),
    }
    example = {"history": np.zeros((2, 2)), "mean": jnp.ones((3, 2)), "keys": jax.random.split(jax.random.key(0), 2)}
    save(tmp_path, state, 1, mark(0))
    assert_same(load(tmp_path, 1, example)[0], state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scalar": np.zeros(3, np.int32)}, r"state\['scalar'\]: saved jax int32\[\], expected numpy int32\[3\]"),
        ({"float64": np.zeros((4, 2))}, r"saved numpy float64\[4\], expected numpy float64\[4, 2\]"),
        ({"mask": np.zeros(2, np.int8)}, r"saved numpy bool\[2\], expected numpy int8\[2\]"),
        ({"new": np.zeros(2)}, r"state\['new'\]: saved nothing"),
    ],
)
def test_another_structure_is_reported_and_nothing_is_renamed(tmp_path: Path, change: dict, message: str) -> None:
    save(tmp_path, make_state(), 1, mark(0))
    with pytest.raises(RunError, match=message):
        newest(tmp_path, {**make_state(), **change}, pytest.fail)
    assert steps(tmp_path) == [1]


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        (np.zeros((0, 3)), "non-empty"),
        (jnp.zeros(0), "non-empty"),
        (np.float32(1), "array or a typed key, got float32"),
        (np.int64(1), "array or a typed key, got int64"),
        (1.0, "array or a typed key, got float"),
        ("text", "array or a typed key, got str"),
        (np.array(["text"]), "expects numbers"),
        (np.array([object()]), "expects numbers"),
        (jnp.asarray(1.0), "weak type"),
    ],
)
def test_a_leaf_that_cannot_be_loaded_again_is_refused_by_name(leaf: Any, message: str) -> None:
    with pytest.raises(ContractError, match=rf"state\['here'\].* .*{message}|state\['here'\] {message}"):
        check_state({"fine": np.zeros(2), "here": leaf})


def test_leaves_that_can_be_saved_pass() -> None:
    check_state(make_state())
    check_state({"nothing": None, "committed": jax.device_put(jnp.ones(2), jax.devices()[0])})


def test_the_last_two_and_every_third_are_kept(tmp_path: Path) -> None:
    for step in range(1, 9):
        save(tmp_path, {"x": np.array(step)}, step, mark(step), keep_every=3)
    assert steps(tmp_path) == [8, 7, 6, 3]


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)


def damage(how: str, path: Path) -> None:
    data = path.read_bytes()
    if how == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif how == "flipped":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :])
    else:
        path.unlink()


@pytest.mark.few(1)
@pytest.mark.parametrize("how", ["cut", "flipped", "gone"])
def test_damage_to_any_file_is_found_and_the_checkpoint_before_is_loaded(tmp_path: Path, how: str) -> None:
    states = [{"x": np.random.default_rng(n).normal(size=1000), "key": jax.random.key(n)} for n in (1, 2)]
    intact, folder = tmp_path / "intact", tmp_path / "checkpoints"
    for step, state in enumerate(states, start=1):
        save(intact, state, step, mark(10 * step))
    for file in files_of(intact / "2"):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(intact, folder)
        damage(how, folder / file.relative_to(intact))
        messages: list[str] = []
        found = newest(folder, states[0], messages.append)
        assert found is not None
        assert_same(found[0], states[0])
        assert found[1] == mark(10)
        assert len(messages) == 1
        assert "checkpoint 2 is damaged and is not used" in messages[0]
        assert steps(folder) == [2, 1], "it stays where it is"
    save(folder, states[1], 2, mark(20))
    assert steps(folder) == [2, 1]
    assert (folder / "2.broken").is_dir(), "the damaged one makes room for the new one"
    save(folder, states[1], 2, mark(20))
    assert (folder / "2.broken-2").is_dir()


def test_if_all_are_damaged_an_error_is_raised_and_nothing_changed(tmp_path: Path) -> None:
    save(tmp_path, make_state(), 1, mark(0))
    damage("cut", files_of(tmp_path / "1" / "state")[0])
    with pytest.raises(RunError, match="all checkpoints in .* are damaged"):
        newest(tmp_path, make_state(), lambda text: None)
    assert steps(tmp_path) == [1]


@pytest.mark.parametrize("name", [".DS_Store", "state/.nfs0001", "state/desktop.ini", "notes (conflicted copy).json"])
def test_files_of_others_do_not_damage_a_checkpoint(tmp_path: Path, name: str) -> None:
    save(tmp_path, make_state(1), 1, mark(10))
    (tmp_path / "1" / name).write_bytes(b"other")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "mine.tmp").mkdir()
    found = newest(tmp_path, make_state(), pytest.fail)
    assert found is not None
    assert_same(found[0], make_state(1))
    assert (tmp_path / "mine.tmp").is_dir()


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "checkpoints").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="is a link, and nothing is written or deleted through links"):
        save(tmp_path / "checkpoints", make_state(), 1, mark(0))
    assert not list((tmp_path / "elsewhere").iterdir())


def test_what_a_kill_left_incomplete_is_removed_when_the_run_is_resumed(tmp_path: Path) -> None:
    save(tmp_path, make_state(), 1, mark(0))
    os.rename(tmp_path / "1", tmp_path / "2.tmp")
    save(tmp_path, make_state(), 1, mark(0))
    assert steps(tmp_path) == [1]
    assert (tmp_path / "2.tmp").exists()
    assert newest(tmp_path, make_state(), pytest.fail) is not None
    assert not (tmp_path / "2.tmp").exists()


def test_a_full_disk_keeps_what_was_saved_and_leaves_no_incomplete_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small, large = {"x": np.zeros(4)}, {"x": np.random.default_rng(0).normal(size=100_000)}
    save(tmp_path, small, 1, mark(10))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(RunError, match=r"checkpoint 2 .* no space left.*intact"):
            save(tmp_path, large, 2, mark(20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not caplog.records  # the error is enough
    assert [entry.name for entry in tmp_path.iterdir()] == ["1"]
    found = newest(tmp_path, small, pytest.fail)
    assert found is not None
    assert_same(found[0], small)
    save(tmp_path, large, 2, mark(20))
    assert steps(tmp_path) == [2, 1]


def test_a_change_of_the_notes_is_found(tmp_path: Path) -> None:
    save(tmp_path, make_state(), 1, mark(10))
    file = tmp_path / "1" / checkpoint.NOTES
    noted = json.loads(file.read_text())
    file.write_text(json.dumps({**noted, "journal": [11, "x"]}))
    with pytest.raises(ValueError, match="not what was written"):
        checkpoint.notes(tmp_path, 1)


def test_a_failed_save_leaves_no_thread_that_a_process_would_wait_for(tmp_path: Path) -> None:
    before = set(threading.enumerate())

    def fail(moment: Moment) -> None:
        if (moment.pattern, moment.call) == ("N.tmp/state.orbax-checkpoint-tmp", "mkdir"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with watched(tmp_path, fail), pytest.raises(RunError, match="no space left"):
        checkpoint.save(tmp_path, {"a": np.arange(3), "b": jax.numpy.zeros(2)}, 4, Mark(0, ""))
    assert set(threading.enumerate()) <= before
