"""The State of a search on disk; the only file that knows Orbax (v1 API, tried with 0.12).

A checkpoint is the State and nothing else. Beside it, in Orbax's metadata, stand the journal offset that it belongs
to and a digest of every leaf: Orbax notices torn files, but reads a flipped bit as data.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from orbax.checkpoint import v1

from poet.errors import ContractError, RunError
from poet.runs.folder import disk_errors
from poet.types import PyTree

KEEP_LAST = 2  # the newest may turn out broken after a crash of the machine
Leaves = dict[str, list[Any]]  # path -> [kind, dtype, shape, digest]


def check_state(state: PyTree) -> None:
    """Raise `ContractError` unless every leaf can be saved and comes back as it was."""
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
        data = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        digest = hashlib.blake2b(np.ascontiguousarray(data).tobytes(), digest_size=16).hexdigest()
        kind = "jax" if isinstance(leaf, jax.Array) else "numpy"
        found[jax.tree_util.keystr(path)] = [kind, str(leaf.dtype), list(leaf.shape), digest]
    return found


class Checkpoints:
    """The checkpoints of a run. The one writer alone sets `writer`, which clears what a kill left half done."""

    def __init__(self, path: Path, keep_every: int = 1, writer: bool = False) -> None:
        self._path = path.resolve()
        logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax explains every corrupt file over many screens
        policies = v1.training.preservation_policies
        keep: Any = policies.AnyPreservationPolicy([policies.LatestN(KEEP_LAST), policies.EveryNSteps(keep_every)])
        with disk_errors(path):
            self._orbax = v1.training.Checkpointer(
                str(self._path), cleanup_tmp_directories=writer, preservation_policy=keep
            )

    def steps(self) -> list[int]:
        """Iterations of the complete checkpoints, newest first."""
        return sorted((found.step for found in self._orbax.checkpoints), reverse=True)

    def save(self, state: PyTree, iteration: int, offset: int) -> None:
        """Save and return when it is done and complete. Raises `RunError`, with all earlier ones intact."""
        self._settle()
        notes = {"journal": offset, "leaves": leaves(state)}
        try:
            self._orbax.save(iteration, state, force=True, overwrite=True, custom_metadata=notes)
        except Exception as error:
            full = "No space left" in str(error) or "RESOURCE_EXHAUSTED" in str(error) or "Disk quota" in str(error)
            what = "no room left on the disk: make room" if full else f"{type(error).__name__}: {error}"
            raise RunError(
                f"checkpoint {iteration} could not be saved in {self._path}: {what}. "
                "The checkpoints before it are intact; the same command goes on from the newest"
            ) from error

    def notes(self, step: int) -> dict[str, Any]:
        """What was saved beside a state: its journal offset and its leaves. Raises `ValueError` if unreadable."""
        notes = self._orbax.metadata(step).custom_metadata
        if not isinstance(notes, dict) or "journal" not in notes or "leaves" not in notes:
            raise ValueError("its metadata is gone")
        return notes

    def load(self, step: int, example: PyTree) -> tuple[PyTree, int]:
        """The state of one checkpoint, bit for bit as it was saved, and its journal offset.

        `example` tells the structure; leading axes may have grown since (archives double). Raises `RunError` where
        it is another than the saved one, and `ValueError` or whatever Orbax raises where the checkpoint is damaged.
        """
        notes = self.notes(step)
        saved: Leaves = notes["leaves"]
        _compare_structure(step, saved, leaves(example))
        example = jax.tree_util.tree_map_with_path(
            lambda path, leaf: _grown(leaf, tuple(saved[jax.tree_util.keystr(path)][2])), example
        )
        loaded = jax.tree.map(_like, self._orbax.load(step, example), example)
        damaged = [name for name, leaf in leaves(loaded).items() if leaf != saved[name]]
        if damaged:
            raise ValueError(f"state{damaged[0]} is not what was saved")
        return loaded, notes["journal"]

    def newest(
        self, example: PyTree, reaches: Callable[[int], bool], warn: Callable[[str], None]
    ) -> tuple[PyTree, int] | None:
        """The newest checkpoint that is whole and whose journal offset `reaches` holds; None if there is none.

        Broken ones are set aside with a warning, never deleted. Raises `RunError` if all there are are broken.
        """
        found = self.steps()
        for step in found:
            try:
                state, offset = self.load(step, example)
                if not reaches(offset):
                    raise ValueError(f"the journal does not reach its offset {offset}")
                return state, offset
            except RunError:
                raise
            except Exception as error:
                reason = str(error).partition("\n")[0][:200] or type(error).__name__
                warn(f"checkpoint {step} is broken and set aside ({reason})")
                self._set_aside(step)
        if found:
            raise RunError(
                f"none of the checkpoints in {self._path} can be read; they were set aside there as N.broken. "
                "Restore one from a backup, or start another run with --name"
            )
        return None

    def _set_aside(self, step: int) -> None:
        aside = self._path / f"{step}.broken"
        shutil.rmtree(aside, ignore_errors=True)
        os.rename(self._path / str(step), aside)

    def _settle(self) -> None:
        # Orbax does not fsync. By the time of the next save most is on the disk anyway, so that waiting for the rest
        # then costs little, and a power cut leaves at least the last checkpoint but one.
        for step in self.steps()[:1]:
            with disk_errors(self._path):
                for folder, _, names in os.walk(self._path / str(step)):
                    for name in ("", *names):
                        handle = os.open(os.path.join(folder, name), os.O_RDONLY)
                        os.fsync(handle)
                        os.close(handle)

    def close(self) -> None:
        """Let go of Orbax's threads."""
        self._orbax.close()


def _like(loaded: Any, example: Any) -> Any:
    """Orbax commits what it loads to a device; programs for other devices would then refuse it after a resume."""
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
