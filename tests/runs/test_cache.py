import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from poet.runs.cache import evict_broken

PROGRAM = """
import sys
from pathlib import Path
from poet.runs.cache import use_cache
folder, evicted = use_cache(Path(sys.argv[1]))
import jax
jax.jit(lambda x: x * 3 + 1)(2.0).block_until_ready()
print(folder, evicted, sum(1 for _ in folder.glob("*-cache")))
"""


def start(root: Path) -> tuple[Path, int, int]:
    """A process that compiles something: the folder of its cache, entries it evicted, entries there are now."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(root)]
    done = subprocess.run(command, env=plain, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    folder, evicted, entries = done.stdout.split()
    return Path(folder), int(evicted), int(entries)


def test_a_truncated_entry_is_evicted_and_made_anew(tmp_path: Path) -> None:
    folder, evicted, entries = start(tmp_path)
    assert folder.is_relative_to(tmp_path)
    assert evicted == 0
    assert entries > 0
    entry = max(folder.glob("*-cache"), key=lambda path: path.stat().st_size)
    whole = entry.stat().st_size
    entry.write_bytes(entry.read_bytes()[: whole // 2])
    assert start(tmp_path) == (folder, 1, entries)
    assert entry.stat().st_size == pytest.approx(whole, rel=0.05)


@pytest.mark.parametrize(
    ("content", "evicted"),
    [
        (zlib.compress(b"program" * 99), 0),
        (zlib.compress(b"program" * 99)[:-1], 1),
        (zlib.compress(b""), 1),
        (b"", 1),
        (b"nonsense", 1),
    ],
    ids=["whole", "one byte short", "nothing packed", "zero length", "nonsense"],
)
def test_what_does_not_unpack_is_evicted(tmp_path: Path, content: bytes, evicted: int) -> None:
    (tmp_path / "jit_f-abc-cache").write_bytes(content)
    (tmp_path / "somebody-elses").write_bytes(b"")
    assert evict_broken(tmp_path) == evicted
    assert (tmp_path / "jit_f-abc-cache").exists() == (not evicted)
    assert (tmp_path / "somebody-elses").exists()


def test_the_users_own_cache_is_respected(tmp_path: Path) -> None:
    plain = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "own")}
    program = (
        "import sys; from pathlib import Path; from poet.runs.cache import use_cache; print(use_cache(Path('r'))[0])"
    )
    done = subprocess.run([sys.executable, "-c", program], env=plain, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path / "own")
