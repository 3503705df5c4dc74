"""Several devices in every test process, as on a real machine; what was compiled once is not compiled again."""

import os
from collections import Counter
from pathlib import Path

os.environ.setdefault("JAX_NUM_CPU_DEVICES", "4")  # before jax wakes
# What tests install stays in the cache of the user.
os.environ.setdefault("UV_CACHE_DIR", str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"))
# For the processes that tests start, too. Not the cache of the user; `pytest --cache-clear` removes it.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).parents[1] / ".pytest_cache" / "compiled")

import pytest

from poet import command_line
from poet.runs.cache import use_cache

use_cache()


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages name commands as "poet ...", and terminals are wide, however the tests were started."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(command_line, "_program", lambda: "poet")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave all but the first default cases of tests with the mark `few` to CI."""
    seen: Counter[object] = Counter()
    for item in items:
        few = item.get_closest_marker("few")
        if few is not None and not any(item.get_closest_marker(name) for name in ("ci", "slow")):
            test = item.nodeid.partition("[")[0]
            seen[test] += 1
            if seen[test] > few.args[0]:
                item.add_marker(pytest.mark.ci)
