import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from envs import registry
from envs.registry import GeneratorConfig
from envs.walker.config import WalkerConfig
from poet.errors import ConfigError, ContractError

PLUGIN = """
import dataclasses
from typing import ClassVar
from envs.registry import GeneratorConfig

@dataclasses.dataclass(frozen=True)
class Config(GeneratorConfig):
    id: ClassVar[str] = "caves"
    depth: int = 3

    def make(self):
        return f"caves of depth {self.depth}"
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two installed packages that plug in a generator each; one explodes on import."""
    (tmp_path / "good_plugin.py").write_text(PLUGIN)
    (tmp_path / "bad_plugin.py").write_text("raise RuntimeError('no licence for the simulator')\n")
    for name, entry in (("good", "caves = good_plugin:Config"), ("bad", "moons = bad_plugin:Config")):
        folder = tmp_path / f"{name}_plugin-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[poet.generators]\n{entry}\n")
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


def test_listing_and_configuring_start_no_jax() -> None:
    code = "import sys; from envs import registry; registry.config_class('walker')(); print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
