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
    "fchmod", "fsync", "ftruncate", "link", "mkdir", "pwrite", "remove", "rename", "replace", "rmdir", "symlink",
    "truncate", "unlink",
)  # fmt: skip
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Moment(NamedTuple):
    """A moment at which a process can be killed, or an operation fail.

    Attributes:
      pattern: the file below the folder, as `generalise` gives it.
      call: what is done with it, as "write".
      count: how often this was done before with files of this pattern.
      when: "before", "middle" (half of the bytes are written) or "after" the operation.
    """

    pattern: str
    call: str
    count: int
    when: str


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


@contextlib.contextmanager
def watched(folder: Path, visit: Callable[[Moment], None]) -> Iterator[None]:
    """Call `visit` at each moment of each operation that changes a file below a folder; it may raise `OSError`."""
    watch = _Watch(str(folder.resolve()), visit)
    with contextlib.ExitStack() as stack:
        for module, patches in (
            (os, {"open": watch.os_open(os.open), "write": watch.os_write(os.write)}),
            (os, {name: watch.by_first_argument(name, getattr(os, name)) for name in CALLS}),
            (io, {"open": watch.io_open(io.open)}),
            (builtins, {"open": watch.io_open(io.open)}),
            (v1, {"save": watch.by_first_argument("save", v1.save)}),
        ):
            stack.enter_context(mock.patch.multiple(module, **patches))
        yield


class _Watch:
    def __init__(self, root: str, visit: Callable[[Moment], None]) -> None:
        self._root, self._visit = root, visit
        self._counts: Counter[tuple[str, str]] = Counter()

    def pattern(self, target: Any, dir_fd: int | None = None) -> str | None:
        """The pattern of a path or an open file; None outside of the folder."""
        if isinstance(target, int):
            path = os.readlink(f"/proc/self/fd/{target}")
        else:
            base = os.getcwd() if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
            path = os.path.join(base, os.fsdecode(target))
        inside = path == self._root or path.startswith(self._root + "/")
        return generalise(os.path.relpath(path, self._root)) if inside else None

    def operation(
        self, pattern: str | None, call: str, do: Callable[[], Any], half: Callable[[], Callable[[], Any]] | None = None
    ) -> Any:
        """Do it, with visits; `half` does the first half, and returns what does the rest."""
        if pattern is None:
            return do()
        count = self._counts[pattern, call]
        self._counts[pattern, call] += 1
        self._visit(Moment(pattern, call, count, "before"))
        if half is not None:
            do = half()
            self._visit(Moment(pattern, call, count, "middle"))
        result = do()
        self._visit(Moment(pattern, call, count, "after"))
        return result

    def by_first_argument(self, call: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def patched(target: Any, *args: Any, **kwargs: Any) -> Any:
            pattern = self.pattern(target, kwargs.get("dir_fd"))
            return self.operation(pattern, call, lambda: original(target, *args, **kwargs))

        return patched

    def os_open(self, original: Callable[..., int]) -> Callable[..., int]:
        def patched(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            pattern = self.pattern(path, dir_fd) if flags & WRITE_FLAGS else None
            return self.operation(pattern, "open", lambda: original(path, flags, mode, dir_fd=dir_fd))

        return patched

    def os_write(self, original: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def patched(handle: int, data: Any) -> int:
            def half() -> Callable[[], int]:
                written = original(handle, memoryview(data)[: len(data) // 2])
                return lambda: written + original(handle, memoryview(data)[written:])

            return self.operation(self.pattern(handle), "write", lambda: original(handle, data), half)

        return patched

    def io_open(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def patched(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if not set(mode) & set("wax+"):
                return original(file, mode, *args, **kwargs)
            pattern = self.pattern(file)
            opening = None if isinstance(file, int) else pattern  # a handle is open already
            opened = self.operation(opening, "open", lambda: original(file, mode, *args, **kwargs))
            return opened if pattern is None else _File(opened, pattern, self)

        return patched


class _File:
    """An open file whose writes are operations."""

    def __init__(self, file: Any, pattern: str, watch: _Watch) -> None:
        self._file, self._pattern, self._watch = file, pattern, watch

    def write(self, data: Any) -> int:
        def half() -> Callable[[], int]:
            written = self._file.write(data[: len(data) // 2])
            self._file.flush()
            return lambda: written + self._file.write(data[written:])

        return self._watch.operation(self._pattern, "write", lambda: self._file.write(data), half)

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
