"""Every module of `poet.envs` of which users import something has an example."""

import doctest
import importlib

import pytest

WITH_EXAMPLES = {
    "poet.envs.arm.arm",
    "poet.envs.arm.config",
    "poet.envs.base",
    "poet.envs.functions.config",
    "poet.envs.gymnasium_env",
    "poet.envs.vector",
    "poet.envs.returns",
    "poet.envs.swing_up.config",
    "poet.envs.swing_up.env",
    "poet.envs.swing_up.generator",
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


@pytest.mark.parametrize("name", sorted(WITH_EXAMPLES))
def test_a_module_has_examples(name: str) -> None:
    assert doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
