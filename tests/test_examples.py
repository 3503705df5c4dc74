"""The examples in docstrings do what they say."""

import doctest
import importlib
import pkgutil

import pytest

import poet

pytestmark = pytest.mark.ci
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(poet.__path__, "poet.") if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).failed == 0


def test_there_are_modules_of_every_layer() -> None:
    assert {"poet.errors", "poet.envs.base", "poet.archives.grid", "poet.search.base", "poet.view.run"} <= set(MODULES)
