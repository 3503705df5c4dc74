"""Commands of `poet` for messages, such that they work in the shell that started this process. Knows no jax."""

import contextlib
import shlex
import shutil
import sys
from pathlib import Path


def command(*words: object) -> str:
    """A command of `poet`, quoted for a shell; without words, only how `poet` is started.

    >>> command("run", "runs/my run").partition("run ")[2]
    "'runs/my run'"
    """
    return " ".join([_program(), *(shlex.quote(str(word)) for word in words)])


def _program() -> str:
    """`poet` as this process was started; where it was not, as in a notebook, the script of its environment."""
    started = Path(sys.argv[0])
    if started == Path(__file__).with_name("__main__.py"):
        return f"{shlex.quote(sys.orig_argv[0])} -m poet"
    script = started if started.name == "poet" and started.is_file() else Path(sys.executable).with_name("poet")
    if not script.is_file():
        return f"{shlex.quote(sys.executable)} -m poet"
    if _is_on_path(script):
        return "poet"
    with contextlib.suppress(OSError, ValueError):  # the directory was deleted, or the script is not below it
        script = script.relative_to(Path.cwd())
    return shlex.quote(str(script))


def _is_on_path(script: Path) -> bool:
    found = shutil.which("poet")
    return found is not None and Path(found).parent.samefile(script.parent)
