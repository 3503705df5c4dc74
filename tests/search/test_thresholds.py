"""Thresholds as fractions of a generator's range, and as returns."""

from typing import Any

import numpy as np
import pytest

from poet.envs.config import generators
from poet.errors import ConfigError, ContractError
from poet.runs.launch import build_search
from poet.search.config import RunConfig, presets
from poet.search.paired_map_elites.config import PairedMapElitesConfig
from poet.search.poet.config import PoetConfig
from poet.search.thresholds import Thresholds
from tests.search.poet.fakes import Ladder

WALKER = generators.make("walker")
RETURNS = {"threshold_unit": "return", "reproduce_threshold": 200.0, "mc_lower": 50.0, "mc_upper": 300.0}
PAPER = {"solved_score": 230.0, "reproduce_threshold": 200.0, "mc_lower": 50.0, "mc_upper": 300.0}


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("paper", PAPER),
        ("laptop", PAPER | {"reproduce_threshold": 150.0, "mc_lower": 25.0}),
        ("tiny", {"solved_score": 1000.0, "reproduce_threshold": -200.0, "mc_lower": -200.0, "mc_upper": 1000.0}),
        ("paired-map-elites", {"solved_score": 200.0, "training_score": 50.0}),
    ],
)
def test_on_the_walker_presets_have_the_numbers_of_the_paper(preset: str, expected: dict[str, float]) -> None:
    config: Any = presets.get(preset)
    assert Thresholds(config.search, WALKER).returns == expected


def test_defaults_are_the_numbers_of_the_paper_on_the_walker() -> None:
    assert Thresholds(PoetConfig(), WALKER).returns == PAPER
    assert Thresholds(PairedMapElitesConfig(), WALKER).returns == {"solved_score": 230.0, "training_score": 50.0}


def test_fractions_follow_the_generator_and_returns_do_not() -> None:
    low = Ladder(return_range=(-1600.0, 0.0), solved_return=-200.0)
    resolved = Thresholds(PoetConfig(mc_lower=0.25), low)
    assert resolved.returns == {
        "solved_score": -200.0,
        "reproduce_threshold": -400.0,
        "mc_lower": -1200.0,
        "mc_upper": 0.0,
    }
    assert (resolved.solved_score, resolved.config.mc_lower, resolved.config.threshold_unit) == (-200, -1200, "return")
    assert Thresholds(resolved.config, Ladder()).returns == resolved.returns
    assert Thresholds(PoetConfig(solved_score=0.5), low).solved_score == -800.0


@pytest.mark.parametrize(
    ("rules", "name", "text"),
    [
        ({}, "mc_lower", "search.mc_lower 0.375 (return 50)"),
        (RETURNS | {"mc_lower": 0}, "mc_lower", "search.mc_lower 0 (fraction 0.25)"),
        ({}, "solved_score", "search.solved_score 230 (fraction 0.825)"),
        ({"solved_score": 0.75}, "solved_score", "search.solved_score 0.75 (return 200)"),
    ],
)
def test_an_option_is_described_in_both_units(rules: dict[str, Any], name: str, text: str) -> None:
    assert Thresholds(PoetConfig(**rules), WALKER).describe(name) == text


def test_the_best_score_is_described_in_both_units() -> None:
    thresholds = Thresholds(PoetConfig(), WALKER)
    assert thresholds.describe_best(np.array([100.0, np.nan])) == "the best score is 100 (fraction 0.5)"
    assert thresholds.describe_best(np.array([np.inf])) == "no score is finite"


@pytest.mark.parametrize("name", ["solved_score", "reproduce_threshold", "mc_upper"])
def test_a_return_that_is_given_as_a_fraction_is_refused(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"search\.{name} expects a fraction .* got 200: .* set search.threshold_unit"
    ):
        PoetConfig(**{name: 200.0})
    with pytest.raises(ConfigError, match="search.training_score expects a fraction"):
        PairedMapElitesConfig(training_score=-50.0)
    assert PairedMapElitesConfig(threshold_unit="return", training_score=-50.0).training_score == -50.0


def test_a_fraction_that_is_left_among_returns_is_refused() -> None:
    narrow = Ladder(return_range=(0.0, 2.0), solved_return=2.0)
    for name in ("reproduce_threshold", "mc_upper", "mc_lower"):
        rules = {each: value for each, value in RETURNS.items() if each != name} | {"mc_lower": -50.0}
        rules[name] = getattr(PoetConfig(), name)
        with pytest.raises(
            ConfigError, match=rf"search\.{name} expects a return of the range -100 to 300, .* fraction: "
        ):
            Thresholds(PoetConfig(**rules), WALKER)
    assert Thresholds(PoetConfig(**RETURNS | {"mc_lower": 0.0}), WALKER).returns["mc_lower"] == 0.0
    few = RETURNS | {"reproduce_threshold": 1.0, "mc_lower": 0.25, "mc_upper": 1.75}
    assert Thresholds(PoetConfig(**few), narrow).returns["mc_upper"] == 1.75


def test_the_config_of_a_run_keeps_the_unit() -> None:
    config: Any = presets.get("laptop")
    assert config.to_dict()["search"]["threshold_unit"] == "fraction"
    assert config.to_dict()["search"]["solved_score"] is None
    assert RunConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize("preset", ["tiny", "paired-map-elites"])
def test_a_generator_without_a_scale_is_refused_with_what_to_add(preset: str) -> None:
    class Undeclared:
        """A ladder as written before generators declared their returns."""

        def __getattr__(self, name: str) -> Any:
            if name in ("return_range", "solved_return"):
                raise AttributeError(name)
            return getattr(WALKER, name)

    with pytest.raises(ContractError, match="generator 'walker' has no `return_range`: declare `return_range = "):
        build_search(presets.get(preset), generator=Undeclared())


@pytest.mark.parametrize("preset", ["tiny", "paired-map-elites"])
def test_the_thresholds_are_part_of_the_identity_as_returns(preset: str) -> None:
    config: Any = presets.get(preset)
    search = build_search(config)
    assert search.identity["thresholds"] == Thresholds(config.search, WALKER).returns
    search.close()
