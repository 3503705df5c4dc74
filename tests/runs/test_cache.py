import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from poet.runs.cache import remove_broken

PROGRAM = """
import sys
from pathlib import Path
from poet.runs.cache import use_cache
folder, removed = use_cache(Path(sys.argv[1]))
import jax
jax.jit(lambda x: x * 3 + 1)(2.0).block_until_ready()
print(folder, removed, sum(1 for _ in folder.glob("*-cache")))
"""


def start(root: Path) -> tuple[Path, int, int]:
    """Compile something in a process: the folder of its cache, how many entries it removed, how many there are now."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(root)]
    done = subprocess.run(command, env=plain, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    folder, removed, entries = done.stdout.split()
    return Path(folder), int(removed), int(entries)


def test_a_truncated_entry_is_removed_and_compiled_again(tmp_path: Path) -> None:
    folder, removed, entries = start(tmp_path)
    assert folder.is_relative_to(tmp_path)
    assert removed == 0
    assert entries > 0
    entry = max(folder.glob("*-cache"), key=lambda path: path.stat().st_size)
    size = entry.stat().st_size
    entry.write_bytes(entry.read_bytes()[: size // 2])
    assert start(tmp_path) == (folder, 1, entries)
    assert entry.stat().st_size == pytest.approx(size, rel=0.05)


@pytest.mark.parametrize(
    ("content", "removed"),
    [
        (zlib.compress(b"program" * 99), 0),
        (zlib.compress(b"program" * 99)[:-1], 1),
        (zlib.compress(b""), 1),
        (b"", 1),
        (b"nonsense", 1),
    ],
    ids=["complete", "one byte short", "nothing packed", "zero length", "no zlib stream"],
)
def test_an_entry_that_cannot_be_unpacked_is_removed(tmp_path: Path, content: bytes, removed: int) -> None:
    (tmp_path / "jit_f-abc-cache").write_bytes(content)
    (tmp_path / "another-file").write_bytes(b"")
    assert remove_broken(tmp_path) == removed
    assert (tmp_path / "jit_f-abc-cache").exists() == (not removed)
    assert (tmp_path / "another-file").exists()


def test_a_cache_that_the_user_chose_is_kept(tmp_path: Path) -> None:
    plain = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "own")}
    program = (
        "import sys; from pathlib import Path; from poet.runs.cache import use_cache; print(use_cache(Path('r'))[0])"
    )
    done = subprocess.run([sys.executable, "-c", program], env=plain, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path / "own")
