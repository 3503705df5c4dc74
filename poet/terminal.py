"""Text for a terminal: names and texts from the files of a run are shown, and never obeyed as commands of the terminal.

Whatever this package prints goes through this module.
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console


_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")


def printable(text: object, keep: str = "") -> str:
    r"""Text with an escape for each character that is not printable, except those to keep.

    Such are control characters, characters that reorder or hide text, and line separators.

    >>> print(printable("a\x1b[2Jb\u202ec"))
    a\x1b[2Jb\u202ec
    """
    return "".join(
        sign if sign.isprintable() or sign in keep else sign.encode("unicode_escape").decode() for sign in str(text)
    )


def print_lines(*lines: object, file: TextIO | None = None) -> None:
    """Print each argument as one line, at once; by default on standard output."""
    for line in lines:
        print(printable(line), file=file, flush=True)


@contextlib.contextmanager
def cleaned_output() -> Iterator[None]:
    """Clean what another library prints within the block; on a terminal its colours are left."""
    with contextlib.redirect_stdout(_Cleaned(sys.stdout)), contextlib.redirect_stderr(_Cleaned(sys.stderr)):
        yield


class _Cleaned:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        parts = _COLOUR.split(text) if self._stream.isatty() else [text]  # each second one is a colour
        parts[::2] = [printable(part, keep="\n") for part in parts[::2]]
        return self._stream.write("".join(parts))

    def flush(self) -> None:
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def discard_output() -> None:
    """From here on, what is printed is lost. Without this, Python would report a pipe without a reader at its end."""
    with contextlib.suppress(OSError, ValueError):  # a stream that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def new_console(**options: Any) -> "Console":
    """A console for tables and progress bars, with options of rich, which takes every string as plain text.

    It raises `BrokenPipeError` where the reader of a pipe is gone, as `print` does; rich would end the process.
    """
    from rich.console import Console
    from rich.text import Text

    class PlainConsole(Console):
        def render_str(self, text: str, **options: Any) -> Text:  # each string passes here, also those in tables
            return super().render_str(printable(text, keep="\n"), **options)

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return PlainConsole(markup=False, emoji=False, highlight=False, **options)
