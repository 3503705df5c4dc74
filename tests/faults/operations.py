"""File operations below a folder, seen from within the process: each can be observed, or made to fail.

The C++ code of Orbax (TensorStore) is not seen; the call that starts it is an operation of its own, "save".
"""

import builtins
import contextlib
import io
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from orbax.checkpoint import v1

CALLS = (
    "replace", "rename", "link", "symlink", "unlink", "remove", "mkdir", "rmdir", "fsync", "ftruncate", "truncate", "pwrite", "fchmod",
)  # fmt: skip
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Moment(NamedTuple):
    """A moment at which a process can be killed, or an operation fail.

    Attributes:
      pattern: the file below the folder, with numbers as N, random parts as *.
      call: what is done with it, as "write".
      count: how often this was done before with files of this pattern.
      when: "before", "middle" (half of the bytes are written) or "after" the operation.
    """

    pattern: str
    call: str
    count: int
    when: str


@contextlib.contextmanager
def watched(folder: Path, visit: Callable[[Moment], None]) -> Iterator[None]:
    """Call `visit` at each moment of each operation that changes a file below a folder; it may raise `OSError`."""
    counts: Counter[tuple[str, str]] = Counter()
    root = str(folder.resolve())

    def pattern_of(target: Any, dir_fd: int | None = None) -> str | None:
        if isinstance(target, int):
            path = os.readlink(f"/proc/self/fd/{target}")
        else:
            path = os.fspath(target)
            base = os.getcwd() if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
            path = os.path.join(base, os.fsdecode(path))
        if path != root and not path.startswith(root + "/"):
            return None
        return generalise(os.path.relpath(path, root))

    def around(call: str, pattern: str | None, do: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        if pattern is None:
            return do()
        count = counts[pattern, call]
        counts[pattern, call] += 1
        visit(Moment(pattern, call, count, "before"))
        if half is not None:
            do = half()
            visit(Moment(pattern, call, count, "middle"))
        result = do()
        visit(Moment(pattern, call, count, "after"))
        return result

    def by_first_argument(name: str) -> Callable[..., Any]:
        original = getattr(os, name)

        def patched(target: Any, *args: Any, **kwargs: Any) -> Any:
            pattern = pattern_of(target, kwargs.get("dir_fd") or kwargs.get("src_dir_fd"))
            return around(name, pattern, lambda: original(target, *args, **kwargs))

        return patched

    open_handle, write_handle, open_file, save = os.open, os.write, io.open, v1.save

    def patched_os_open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        pattern = pattern_of(path, dir_fd) if flags & WRITE_FLAGS else None
        return around("open", pattern, lambda: open_handle(path, flags, mode, dir_fd=dir_fd))

    def patched_write(handle: int, data: Any) -> int:
        def half() -> Callable[[], int]:
            written = write_handle(handle, memoryview(data)[: len(data) // 2])
            return lambda: written + write_handle(handle, memoryview(data)[written:])

        return around("write", pattern_of(handle), lambda: write_handle(handle, data), half)

    def patched_open(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if not set(mode) & set("wax+"):
            return open_file(file, mode, *args, **kwargs)
        pattern = pattern_of(file)
        opening = None if isinstance(file, int) else pattern  # a handle is open already
        opened = around("open", opening, lambda: open_file(file, mode, *args, **kwargs))
        return opened if pattern is None else _File(opened, lambda *parts: around("write", pattern, *parts))

    def patched_save(path: Any, *args: Any, **kwargs: Any) -> Any:
        return around("save", pattern_of(path), lambda: save(path, *args, **kwargs))

    with contextlib.ExitStack() as stack:
        for module, patches in (
            (os, {name: by_first_argument(name) for name in CALLS}),
            (os, {"open": patched_os_open, "write": patched_write}),
            (io, {"open": patched_open}),
            (builtins, {"open": patched_open}),
            (v1, {"save": patched_save}),
        ):
            stack.enter_context(mock.patch.multiple(module, **patches))
        yield


class _File:
    """An open file whose writes are operations."""

    def __init__(self, file: Any, around: Callable[..., Any]) -> None:
        self._file, self._around = file, around

    def write(self, data: Any) -> int:
        def half() -> Callable[[], int]:
            written = self._file.write(data[: len(data) // 2])
            self._file.flush()
            return lambda: written + self._file.write(data[written:])

        return self._around(lambda: self._file.write(data), half)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "_File":
        self._file.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._file.__exit__(*error)


def generalise(path: str) -> str:
    """A path with numbers as N, and what a library names or many files share as *.

    >>> generalise("niches/.12.json.x7f_a.draft"), generalise("elites/4.tmp/params.npy")
    ('niches/.N.json.*.draft', 'elites/N.tmp/*.npy')
    >>> generalise("checkpoints/4.tmp/state/state/d/7808598351f57c80")
    'checkpoints/N.tmp/state/*'
    """
    path = re.sub(r"\.[^./]+\.draft$", ".*.draft", path)
    path = re.sub(r"(?<=/)[^/]+(?=\.npy$)", "*", path)
    path = re.sub(r"(?<=/)(state)[^/]*/.*", r"\1/*", path)  # of Orbax, whose files are not ours
    return re.sub(r"\d+", "N", path)
