"""The State of a search on disk; the only file that knows Orbax (v1 API, tried with 0.12).

    checkpoints/N/ state/ notes.json

A checkpoint is the State and nothing else; its notes are the place in the journal that it belongs to and a digest of
each leaf and file, because Orbax reads a flipped bit as data and leaves unfinished tasks behind when a file is cut
short. It is judged by these digests alone: files that the notes do not name, as those of a file manager, are ignored.
Orbax only writes the arrays: a folder becomes a checkpoint by being renamed once all of it is on disk.
"""

import contextlib
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from orbax.checkpoint import v1
from orbax.checkpoint._src.futures import future
from orbax.checkpoint._src.futures.synchronization import HandlerAwaitableSignal

from poet.checked import NATURAL
from poet.checksum import digest, dump_checksummed, load_checksummed
from poet.errors import ContractError, RunError
from poet.files import read_bytes, sync
from poet.runs.journal import Mark
from poet.runs.layout import (
    INCOMPLETE,
    numbered_entries,
    refuse_links,
    remove_incomplete,
    unused_name,
)
from poet.types import PyTree

KEEP_LAST = 2
NOTES, STATE = "notes.json", "state"
Leaves = dict[str, list[Any]]  # path -> [kind, dtype, shape, digest]
NOTES_FORM = {
    "iteration": NATURAL,
    "journal": [NATURAL, str],
    "leaves": {str: [str, str, [NATURAL], str]},
    "files": {str: str},
}


def check_state(state: PyTree) -> None:
    """Raise `ContractError` unless every leaf can be saved and is the same when it is loaded."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        name = jax.tree_util.keystr(path)
        if not isinstance(leaf, jax.Array | np.ndarray):
            raise ContractError(
                f"state{name} expects an array or a typed key, got {type(leaf).__name__} {leaf!r}: "
                "wrap numbers as np.asarray(x, dtype)"
            )
        if leaf.size == 0:
            raise ContractError(f"state{name} expects a non-empty array, got shape {leaf.shape}: allocate at capacity")
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "OSUMm":
            raise ContractError(f"state{name} expects numbers, got dtype {leaf.dtype}")
        if isinstance(leaf, jax.Array) and not _is_key(leaf) and leaf.weak_type:
            raise ContractError(
                f"state{name} has a weak type, which a checkpoint would lose: give it a dtype, "
                f"as in jnp.asarray(x, jnp.{leaf.dtype})"
            )


def _is_key(leaf: Any) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def leaves(state: PyTree) -> Leaves:
    """Kind, dtype, shape and digest of every leaf, by its path in the tree."""
    found: Leaves = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        data = np.ascontiguousarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        kind = "jax" if isinstance(leaf, jax.Array) else "numpy"
        found[jax.tree_util.keystr(path)] = [kind, str(leaf.dtype), list(leaf.shape), digest(data)]
    return found


def steps(folder: Path) -> list[int]:
    """Iterations of the checkpoints, newest first."""
    return numbered_entries(folder)[::-1]


def save(folder: Path, state: PyTree, iteration: int, mark: Mark, keep_every: int = 1) -> None:
    """Save a state; it is on disk when this returns. Removes those that `remove_superseded` names.

    A damaged checkpoint of the same iteration is renamed to `N.broken`. Raises `RunError` with all earlier ones intact.
    """
    draft = folder / f"{iteration}{INCOMPLETE}"
    try:
        refuse_links(folder, draft)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        with _quiet_orbax(), _ended_threads_of_orbax():
            v1.save(str(draft.resolve() / STATE), state)
        files = sorted(path for path in draft.rglob("*") if path.is_file())
        notes = {
            "iteration": iteration,
            "journal": list(mark),
            "leaves": leaves(state),
            "files": {path.relative_to(draft).as_posix(): digest(path.read_bytes()) for path in files},
        }
        (draft / NOTES).write_bytes(dump_checksummed(notes))
        _sync(draft)
        if (folder / str(iteration)).exists():  # a run resumes from its newest intact checkpoint: this one is damaged
            os.rename(folder / str(iteration), unused_name(folder / f"{iteration}.broken"))
        os.rename(draft, folder / str(iteration))
        sync(folder)
    except Exception as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise RunError(
            f"checkpoint {iteration} could not be saved in {folder}: {_reason(error)}. "
            "What was saved before is intact; the same command resumes from there"
        ) from error
    remove_superseded(folder, iteration, keep_every)


def remove_superseded(folder: Path, iteration: int, keep_every: int) -> None:
    """Keep the last two checkpoints up to an iteration, and those of every `keep_every`-th iteration."""
    for step in [step for step in steps(folder) if step <= iteration][KEEP_LAST:]:
        if step % keep_every:
            going = folder / f"{step}{INCOMPLETE}"
            with contextlib.suppress(OSError):
                os.rename(folder / str(step), going)  # a kill must not leave a part of it that looks damaged
                shutil.rmtree(going, ignore_errors=True)


@contextlib.contextmanager
def _quiet_orbax() -> Iterator[None]:
    """Orbax logs a page for each of its threads that fails, and then raises the same error, which is enough."""
    log = logging.getLogger("absl")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@contextlib.contextmanager
def _ended_threads_of_orbax() -> Iterator[None]:
    """Where a save fails, end the threads that it has started.

    They wait for each other, up to five minutes, and a process does not end before its threads.
    """
    before = set(threading.enumerate())
    try:
        yield
    except Exception:
        for thread in set(threading.enumerate()) - before:
            if isinstance(thread, future._SignalingThread):
                thread.cancel()
                future.set_signals(list(HandlerAwaitableSignal), operation_id=thread._operation_id)
                threading.Thread.join(thread)  # its own `join` raises what the thread has raised
        raise


def _reason(error: Exception) -> str:
    text = str(error)
    if any(sign in text for sign in ("No space left", "File too large", "quota exceeded", "RESOURCE_EXHAUSTED")):
        return "no space left on the disk, free some"
    return f"{type(error).__name__}: {text.strip().partition(chr(10))[0][:300]}"


def _sync(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        sync(path)


def notes(folder: Path, step: int) -> dict[str, Any]:
    """The notes beside a state, after a check that all its files are as they were written.

    Raises `ValueError` that says what is damaged.
    """
    path = folder / str(step)
    try:
        noted = load_checksummed(read_bytes(path / NOTES), NOTES_FORM)
    except OSError as error:
        raise ValueError(f"its {NOTES} cannot be read") from error
    except ValueError as error:
        raise ValueError(f"its {NOTES} {error}") from error
    for name, expected in noted["files"].items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"its {NOTES} names {name!r:.80}, which is not a file of it")
        try:
            found = digest(read_bytes(path / name))
        except OSError as error:
            raise ValueError(f"{name} cannot be read") from error
        if found != expected:
            raise ValueError(f"{name} is not what was written")
    return noted


def load(folder: Path, step: int, example: PyTree) -> tuple[PyTree, Mark]:
    """The state of a checkpoint, bit for bit as it was saved, and its place in the journal.

    `example` gives the structure; leading axes may have grown since (histories double). Raises `RunError` where it
    has another structure than the saved one, and `ValueError` where files are damaged.
    """
    noted = notes(folder, step)
    saved: Leaves = noted["leaves"]
    _compare_structure(step, saved, leaves(example))
    example = jax.tree_util.tree_map_with_path(
        lambda path, leaf: _grown(leaf, tuple(saved[jax.tree_util.keystr(path)][2])), example
    )
    try:
        with _quiet_orbax():
            loaded = v1.load(str(folder.resolve() / str(step) / STATE), example)
        loaded = jax.tree.map(_like, loaded, example)
    except Exception as error:
        raise RunError(
            f"checkpoint {step} is intact, but this Orbax cannot load it ({_reason(error)}): "
            "use the package versions that run.json names"
        ) from error
    if leaves(loaded) != saved:
        raise RunError(
            f"checkpoint {step} was loaded with other values than were saved: "
            "use the package versions that run.json names"
        )
    return loaded, Mark(*noted["journal"])


def newest(folder: Path, example: PyTree, warn: Callable[[str], None]) -> tuple[PyTree, Mark] | None:
    """The newest checkpoint that is intact, and its place in the journal; None if there is none.

    For the one writer of a run. What a kill left incomplete is removed; a damaged checkpoint stays where it is, with a
    warning. Raises `RunError` if all checkpoints are damaged.
    """
    remove_incomplete(folder)
    found = steps(folder)
    for step in found:
        try:
            return load(folder, step, example)
        except ValueError as error:
            warn(f"warning: checkpoint {step} is damaged and is not used: {error}")
    if found:
        raise RunError(
            f"all checkpoints in {folder} are damaged; they stay where they are. "
            "Restore one from a backup, or start another run with --name"
        )
    return None


def _like(loaded: Any, example: Any) -> Any:
    """Not committed to a device: Orbax commits what it loads, and programs for other devices would refuse it."""
    if not isinstance(example, jax.Array) or example.committed:
        return loaded
    if _is_key(example):
        data = np.asarray(jax.random.key_data(loaded))
        return jax.random.wrap_key_data(jax.numpy.asarray(data), impl=jax.random.key_impl(example))
    return jax.numpy.asarray(np.asarray(loaded))


def _grown(example: Any, shape: tuple[int, ...]) -> Any:
    if example.shape == shape:
        return example
    if _is_key(example):
        return jax.random.split(example.ravel()[0], shape)
    return (np if isinstance(example, np.ndarray) else jax.numpy).zeros(shape, example.dtype)


def _compare_structure(step: int, saved: Leaves, expected: Leaves) -> None:
    differences = [
        f"state{name}: saved {_describe(saved.get(name))}, expected {_describe(expected.get(name))}"
        for name in sorted(saved.keys() | expected.keys())
        if _fixed(saved.get(name)) != _fixed(expected.get(name))
    ]
    if differences:
        listed = "\n  ".join(differences[:8])
        raise RunError(
            f"checkpoint {step} holds another state than this code and these settings make:\n  {listed}\n"
            "Use the code version that run.json names, or start another run"
        )


def _fixed(leaf: list[Any] | None) -> Any:
    return leaf and (leaf[0], leaf[1], len(leaf[2]), leaf[2][1:])


def _describe(leaf: list[Any] | None) -> str:
    return "nothing" if leaf is None else f"{leaf[0]} {leaf[1]}{leaf[2]}"
