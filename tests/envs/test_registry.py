import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from poet.envs import registry
from poet.envs.registry import GeneratorConfig
from poet.envs.walker.config import WalkerConfig
from poet.errors import ConfigError, ContractError

PLUGIN = """
import dataclasses
from typing import ClassVar
from poet.envs.registry import GeneratorConfig

@dataclasses.dataclass(frozen=True)
class Config(GeneratorConfig):
    id: ClassVar[str] = "caves"
    depth: int = 3

    def make(self):
        return f"caves of depth {self.depth}"
"""


PROBLEM = PLUGIN.replace("GeneratorConfig", "ProblemConfig").replace("caves", "ridges")


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed packages that plug in a generator or a problem each; two explode on import."""
    (tmp_path / "good_plugin.py").write_text(PLUGIN)
    (tmp_path / "ridge_plugin.py").write_text(PROBLEM)
    (tmp_path / "bad_plugin.py").write_text("raise RuntimeError('no licence for the simulator')\n")
    for name, kind, entry in (
        ("good", "generators", "caves = good_plugin:Config"),
        ("bad", "generators", "moons = bad_plugin:Config"),
        ("ridge", "problems", "ridges = ridge_plugin:Config"),
        ("broken", "problems", "craters = bad_plugin:Config"),
    ):
        folder = tmp_path / f"{name}_plugin-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[poet.{kind}]\n{entry}\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_walker_is_known_and_configured_by_options() -> None:
    assert "walker" in registry.names()
    assert registry.config_class("walker") is WalkerConfig
    assert registry.make("walker", horizon=7).environment.interface.horizon == 7


def test_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown generator 'wlaker'. Did you mean 'walker'?"):
        registry.make("wlaker")
    with pytest.raises(ConfigError, match=r"unknown generator 'xyz'\. Known: .*walker"):
        registry.config_class("xyz")


def test_unknown_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown option of generator 'walker': 'stair'. Did you mean 'stairs'"):
        registry.make("walker", stair=True)


@pytest.mark.usefixtures("plugins")
def test_a_plugin_is_found_and_made_like_our_own() -> None:
    assert "caves" in registry.names()
    assert registry.make("caves", depth=4) == "caves of depth 4"


@pytest.mark.usefixtures("plugins")
def test_a_plugin_that_explodes_is_a_row_not_a_crash() -> None:
    rows = dict(registry.status())
    assert rows["walker"] == rows["caves"] == "ok"
    assert "no licence for the simulator" in rows["moons"]
    assert "bad_plugin:Config" in rows["moons"]
    with pytest.raises(ConfigError, match="'moons' failed to load"):
        registry.make("moons")


def test_registering_something_else_is_refused() -> None:
    for other in (3, int, GeneratorConfig(), type("Bare", (), {})):
        with pytest.raises(ContractError, match="dataclass derived from GeneratorConfig or ProblemConfig"):
            registry.register(other)  # pyright: ignore

    @dataclasses.dataclass(frozen=True)
    class Nameless(GeneratorConfig):
        pass

    with pytest.raises(ContractError, match="Nameless must set `id`"):
        registry.register(Nameless)


def test_a_config_without_make_says_so() -> None:
    @dataclasses.dataclass(frozen=True)
    class Idle(GeneratorConfig):
        id: ClassVar[str] = "idle"

    with pytest.raises(ContractError, match="Idle must define make"):
        Idle().make()


def test_problems_have_a_list_of_their_own() -> None:
    assert {"arm", "sphere", "rastrigin", "rastrigin-multi"} <= set(registry.problems.names())
    assert not set(registry.problems.names()) & set(registry.names())
    assert {"walker", "walker-gaits", "maze"} <= set(registry.generators.names())
    assert registry.problems.make("sphere", num_params=8).num_params == 8
    with pytest.raises(ConfigError, match="unknown problem 'shpere'. Did you mean 'sphere'?"):
        registry.problems.make("shpere")
    with pytest.raises(ConfigError, match="unknown option of problem 'arm': 'joints'. Did you mean 'num_joints'"):
        registry.problems.make("arm", joints=3)
    assert {state for _, state in registry.problems.status() + registry.status()} == {"ok"}


@pytest.mark.usefixtures("plugins")
def test_plugged_in_problems() -> None:
    assert registry.problems.make("ridges", depth=4) == "ridges of depth 4"
    assert not {"ridges", "craters"} & set(registry.names())
    rows = dict(registry.problems.status())
    assert rows["ridges"] == rows["sphere"] == "ok"
    assert "no licence for the simulator" in rows["craters"]
    with pytest.raises(ConfigError, match="problem 'craters' failed to load"):
        registry.problems.make("craters")


def test_a_problem_is_registered_as_one() -> None:
    @registry.register
    @dataclasses.dataclass(frozen=True)
    class Idle(registry.ProblemConfig):
        id: ClassVar[str] = "idle-problem"

    try:
        assert registry.problems.config_class("idle-problem") is Idle
        assert "idle-problem" not in registry.names()
        with pytest.raises(ContractError, match="Idle must define make.* -> Problem"):
            registry.problems.make("idle-problem")
    finally:
        del registry.problems.known["idle-problem"]


def test_listing_and_configuring_start_no_jax() -> None:
    code = (
        "import sys; from poet.envs import registry; "
        "[kind.config_class(name)() for kind in (registry.generators, registry.problems) for name in kind.names()]; "
        "print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
