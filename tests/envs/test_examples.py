"""The examples in the docstrings of `poet.envs` run, and every module of which users import something has one."""

import doctest
import importlib
import pkgutil

import pytest

import poet.envs

pytestmark = pytest.mark.ci
MODULES = sorted(info.name for info in pkgutil.walk_packages(poet.envs.__path__, "poet.envs."))
WITH_EXAMPLES = {
    "poet.envs.arm.arm",
    "poet.envs.arm.config",
    "poet.envs.base",
    "poet.envs.functions.config",
    "poet.envs.gymnasium_env",
    "poet.envs.named",
    "poet.envs.functions.linear_projection",
    "poet.envs.interface",
    "poet.envs.functions.rastrigin_multi",
    "poet.envs.maze.config",
    "poet.envs.maze.env",
    "poet.envs.maze.generator",
    "poet.envs.testing.episodes",
    "poet.envs.testing.problems",
    "poet.envs.trigonometry",
    "poet.envs.walker.config",
    "poet.envs.walker.env",
    "poet.envs.walker.gait",
    "poet.envs.walker.generator",
}


def test_modules_with_examples_exist() -> None:
    assert set(MODULES) >= WITH_EXAMPLES


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert results.failed == 0
    assert (results.attempted > 0) == (name in WITH_EXAMPLES)
