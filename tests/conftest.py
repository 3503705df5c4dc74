"""Several devices in every test process, as on a real machine, and what was compiled once is not compiled again."""

import os
import tempfile

os.environ.setdefault("JAX_NUM_CPU_DEVICES", "4")  # before jax wakes

import jax
import pytest

from poet import command_line

COMPILED = tempfile.TemporaryDirectory(prefix="compiled", ignore_cleanup_errors=True)
os.environ["XDG_CACHE_HOME"] = COMPILED.name  # of the processes that tests start, not that of the user
jax.config.update("jax_compilation_cache_dir", COMPILED.name)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages name commands as "poet ...", and terminals are wide, however the tests were started."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(command_line, "_program", lambda: "poet")
