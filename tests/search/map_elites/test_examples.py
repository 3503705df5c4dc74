"""Factories have examples."""

import doctest
import importlib
import pkgutil

import poet.search.map_elites as package

MODULES = [module.name for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]


def test_factories_have_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {test.name for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples}
    assert found >= {
        f"{package.__name__}.{name}"
        for name in (
            "algorithm.map_elites",
            "ask_tell.AskTell",
            "bandit.bandit",
            "config.EmitterConfig",
            "config.MapElitesRunConfig.make",
            "es_emitter.es_emitter",
            "generation.generation",
            "scoring.episode_scoring",
            "scoring.problem_scoring",
            "variation.iso_line",
            "variation.variation",
        )
    }
