"""JAX's persistent compilation cache, on by default inside the runs root. Knows no jax before it is imported.

JAX does not write entries atomically: one that a kill cut short would cause a warning at every start, so entries that
cannot be unpacked are removed at start. Every entry is one zlib stream, or zstd where Python has it, and both report
when they are incomplete.
"""

import hashlib
import importlib.util
import os
import platform
import sys
import zlib
from pathlib import Path

from poet.runs.provenance import cpuinfo

FOLDER = ".cache"
_ZSTD = b"\x28\xb5\x2f\xfd"


def use_cache(root: Path) -> tuple[Path, int]:
    """Point JAX at the cache of a runs root, unless the user has chosen another; call it before jax is imported.

    Returns its folder and how many broken entries were removed. Compiled code is for one set of instructions, so a
    root that several machines share has a folder for each kind of processor.
    """
    kind = hashlib.sha256(f"{platform.machine()} {cpuinfo('flags')}".encode()).hexdigest()[:12]
    chosen = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    folder = Path(chosen) if chosen else root.resolve() / FOLDER / kind
    options = {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    }
    for name, value in options.items():
        os.environ.setdefault(name, value)
    if "jax" in sys.modules:  # too late for the environment
        import jax

        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return folder, remove_broken(folder)


def remove_broken(folder: Path) -> int:
    """Remove the entries that a kill cut short; returns how many."""
    removed = 0
    for entry in folder.glob("*-cache"):
        try:
            if not _is_complete(entry.read_bytes()):
                entry.unlink()
                removed += 1
        except OSError:  # another run removed it, or we may not read it: JAX handles that, with a warning
            continue
    return removed


def _is_complete(data: bytes) -> bool:
    if not data.startswith(_ZSTD):
        unpack = zlib.decompress
    elif importlib.util.find_spec("zstandard"):
        unpack = importlib.import_module("zstandard").ZstdDecompressor().decompress
    elif sys.version_info >= (3, 14):
        unpack = importlib.import_module("compression.zstd").decompress
    else:
        return True  # another Python wrote it; this one never reads it
    try:
        return bool(unpack(data))
    except Exception:  # each library has its own errors, and all mean the same here
        return False
