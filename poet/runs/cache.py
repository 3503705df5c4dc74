"""JAX's persistent compilation cache: in the cache folder of the user, each entry with a digest.

JAX itself runs the machine code of an entry unchecked: a flipped bit can end the process, and whoever can write to the
folder can run code. The folder therefore belongs to the user alone and is not beside runs, which are handed over; an
entry that is not what was written under its name is removed, and its program is compiled again. Where there can be no
such folder, programs are compiled without a cache.
"""

import contextlib
import hashlib
import os
import platform
import sys
import time
from pathlib import Path

from poet.checksum import digest
from poet.files import DRAFT, read_bytes, replace_file
from poet.runs.provenance import cpuinfo
from poet.runs.status import quantity

SUFFIX = ".program"
MAX_AGE_S = 30 * 86400  # since an entry was last used
_DIGEST_BYTES = len(digest(b""))


class CheckedCache:
    """Entries by key, as JAX expects of a cache (`jax._src.compilation_cache_interface`). It never raises `OSError`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder

    def get(self, key: str) -> bytes | None:
        """The entry of a key; None if there is none, or it is not what was written under this key."""
        file = self._path / f"{key}{SUFFIX}"
        with contextlib.suppress(OSError):
            written = read_bytes(file)
            found, value = written[:_DIGEST_BYTES], written[_DIGEST_BYTES:]
            if found == _digest(key, value):
                with contextlib.suppress(OSError):  # the folder may be read-only
                    os.utime(file)
                return value
            file.unlink()
        return None

    def put(self, key: str, value: bytes) -> None:
        """Keep an entry, unless the disk refuses."""
        with contextlib.suppress(OSError):
            replace_file(self._path / f"{key}{SUFFIX}", _digest(key, value) + value, durable=False)


def _digest(key: str, value: bytes) -> bytes:
    return digest(key.encode() + b"\0" + value).encode()


def cache_folder() -> Path:
    """The folder of the cache, which may be absent. Raises `RuntimeError` for a user without a home.

    Compiled code is for one set of instructions, so a home that several machines share has a folder for each kind of
    processor.
    """
    kind = hashlib.sha256(f"{platform.machine()} {cpuinfo('flags')}".encode()).hexdigest()[:12]
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        base = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return base / "poet-evolution" / kind


def use_cache() -> str:
    """Let JAX use the cache from now on, unless the session has chosen one itself.

    Returns why there is no cache; empty if there is one.
    """
    import jax

    if jax.config.jax_compilation_cache_dir:  # pyright: ignore[reportAttributeAccessIssue]
        return ""
    try:
        folder = cache_folder()
        for each in (folder.parent, folder):
            _make_private(each)
        _remove_unused(folder)
        _install(folder)
    except (OSError, RuntimeError, ImportError, AttributeError) as error:
        return str(error)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return ""


def describe_cache() -> str:
    """The folder that JAX uses in this session, and what is in it."""
    import jax

    folder = Path(jax.config.jax_compilation_cache_dir)  # pyright: ignore[reportAttributeAccessIssue]
    sizes = [entry.lstat().st_size for entry in folder.glob("*")]
    return f"{folder}, {len(sizes)} entries, {quantity(sum(sizes))}B"


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} must belong to you alone: remove it, or change its owner and its mode to 700")


def _remove_unused(folder: Path) -> None:
    for entry in folder.iterdir():
        with contextlib.suppress(OSError):  # another process removed it
            if entry.name.endswith((SUFFIX, DRAFT)) and entry.lstat().st_mtime < time.time() - MAX_AGE_S:
                entry.unlink()


def _install(folder: Path) -> None:
    """Replace the cache that JAX makes for this folder: there is no public way to give it one of our own."""
    from jax._src import compilation_cache

    theirs, ours = compilation_cache.get_file_cache, CheckedCache(folder)

    def get_file_cache(path: str) -> object:
        return (ours, path) if path == str(folder) else theirs(path)

    compilation_cache.get_file_cache = get_file_cache
