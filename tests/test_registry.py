"""The registry, with a kind of entry that only exists here and with packages that are only metadata on sys.path."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from poet import registry
from poet.envs.config import GeneratorConfig, ProblemConfig, generators, problems
from poet.envs.walker.config import WalkerConfig
from poet.errors import ConfigError, ContractError
from poet.registry import Origin, PluginConfig, Registry, parse_renames, register


@dataclasses.dataclass(frozen=True)
class GadgetConfig(PluginConfig):
    def make(self) -> str:
        raise ContractError(f"{type(self).__name__} must define make(self) -> str")


@dataclasses.dataclass(frozen=True)
class WalkerGadgetConfig(GadgetConfig):
    id: ClassVar[str] = "walker"


@pytest.fixture
def gadgets() -> Registry:
    """A registry of its own for each test, whose entry points are in the group `poet.gadgets`."""
    return Registry("gadget", GadgetConfig)


PLUGIN = """
import dataclasses
from typing import ClassVar
from {module} import {base}

@dataclasses.dataclass(frozen=True)
class Config({base}):
    id: ClassVar[str] = "{id}"
    size: int = 3

    def make(self):
        return f"{id} of size {{self.size}}"
"""


class Site:
    """A folder on sys.path into which packages are installed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        monkeypatch.syspath_prepend(folder)

    def install(self, package: str, entry_points: str, code: str, version: str = "1.0") -> None:
        """Install a package with one module, `package` with underscores; `entry_points` is the text of its file."""
        module = package.replace("-", "_")
        self.monkeypatch.delitem(sys.modules, module, raising=False)
        (self.folder / f"{module}.py").write_text(code)
        metadata = self.folder / f"{module}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        (metadata / "entry_points.txt").write_text(entry_points)
        registry._entry_points.cache_clear()

    def install_gadget(self, package: str, name: str, id: str | None = None, version: str = "1.0") -> None:
        """Install a package with a gadget whose entry point has this name and whose class has this id."""
        module = package.replace("-", "_")
        code = PLUGIN.format(module=__name__, base="GadgetConfig", id=id or name)
        self.install(package, f"[poet.gadgets]\n{name} = {module}:Config\n", code, version)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    yield Site(tmp_path, monkeypatch)
    registry._entry_points.cache_clear()


def test_walker_is_known_and_made_with_options() -> None:
    assert "walker" in generators.ids()
    assert generators.get("walker") is WalkerConfig
    assert generators.make("walker", horizon=7).environment.interface.horizon == 7


def test_unknown_id_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown generator 'wlaker'. Did you mean 'walker'?"):
        generators.make("wlaker")
    with pytest.raises(ConfigError, match=r"unknown generator 'xyz'\. Known: .*walker.*install that"):
        generators.get("xyz")
    with pytest.raises(ConfigError, match="unknown problem 'shpere'. Did you mean 'sphere'?.*--plugin shpere=NEW"):
        problems.origin("shpere")


def test_unknown_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown option of generator 'walker': 'stair'. Did you mean 'stairs'"):
        generators.make("walker", stair=True)
    with pytest.raises(ConfigError, match="unknown option of problem 'arm': 'joints'. Did you mean 'num_joints'"):
        problems.make("arm", joints=3)


def test_generators_and_problems_are_separate() -> None:
    assert {"walker", "walker-gaits", "maze", "swing-up"} <= set(generators.ids())
    assert {"arm", "sphere", "rastrigin", "rastrigin-multi"} <= set(problems.ids())
    assert not set(problems.ids()) & set(generators.ids())
    assert problems.make("sphere", num_params=8).num_params == 8


def test_our_entries_load_and_come_from_our_distribution() -> None:
    names = ("walker", "walker-gaits", "maze", "arm", "sphere", "rastrigin", "rastrigin-multi")
    rows = {row.id: row for row in generators.status() + problems.status() if row.id in names}
    assert set(rows) == set(names)
    assert {row.problem for row in rows.values()} == {""}
    assert {row.origin.package for row in rows.values()} == {"poet-evolution"}


@pytest.mark.parametrize(
    ("kind", "plural"), [("gadget", "gadgets"), ("policy", "policies"), ("search", "searches"), ("box", "boxes")]
)
def test_plurals(kind: str, plural: str) -> None:
    assert Registry(kind, int).plural == plural


def test_plugin_is_found_and_made(gadgets: Registry, site: Site) -> None:
    site.install_gadget("nice-gadgets", "caves", version="2.5")
    assert gadgets.ids() == ["caves"]
    assert gadgets.make("caves", size=4) == "caves of size 4"
    assert gadgets.origin("caves") == Origin("nice-gadgets", "2.5")
    assert str(gadgets.origin("caves")) == "nice-gadgets 2.5"
    assert gadgets.get("caves").registry is gadgets


@pytest.mark.parametrize(("kind", "base"), [(generators, "GeneratorConfig"), (problems, "ProblemConfig")])
def test_plugin_of_generators_and_problems(kind: Registry, base: str, site: Site) -> None:
    code = PLUGIN.format(module="poet.envs.config", base=base, id="caves")
    site.install("nice-caves", f"[poet.{kind.plural}]\ncaves = nice_caves:Config\n", code)
    assert kind.make("caves", size=4) == "caves of size 4"
    others = problems if kind is generators else generators
    assert "caves" not in others.ids()


def test_plugin_that_cannot_be_imported_is_a_row_of_status(gadgets: Registry, site: Site) -> None:
    site.install_gadget("nice-gadgets", "caves")
    site.install(
        "bad-gadgets", "[poet.gadgets]\nmoons = bad_gadgets:Config\n", "raise RuntimeError('no licence for it')\n"
    )
    rows = {row.id: row for row in gadgets.status()}
    assert gadgets.ids() == ["caves", "moons"] == sorted(rows)
    assert rows["caves"].problem == ""
    assert rows["moons"].origin == Origin("bad-gadgets", "1.0")
    expected = r"gadget 'moons' of bad-gadgets 1\.0 cannot be imported from bad_gadgets:Config: .*no licence for it"
    with pytest.raises(ConfigError, match=expected) as caught:
        gadgets.make("moons")
    assert rows["moons"].problem == str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_plugin_without_its_attribute_is_a_row_of_status(gadgets: Registry, site: Site) -> None:
    site.install("bad-gadgets", "[poet.gadgets]\nmoons = bad_gadgets:Missing\n", "")
    (row,) = gadgets.status()
    assert "cannot be imported from bad_gadgets:Missing" in row.problem


@pytest.mark.parametrize("value", ["3", "int", "GadgetConfig()"])
def test_plugin_of_another_type_is_refused(value: str, gadgets: Registry, site: Site) -> None:
    code = f"from {__name__} import GadgetConfig\nConfig = {value}\n"
    site.install("bad-gadgets", "[poet.gadgets]\nmoons = bad_gadgets:Config\n", code)
    with pytest.raises(ConfigError, match="'moons' of bad-gadgets 1.0: expected a class derived from GadgetConfig"):
        gadgets.get("moons")


def test_entry_point_and_id_that_differ_are_refused(gadgets: Registry, site: Site) -> None:
    site.install_gadget("nice-gadgets", "caves", id="holes")
    with pytest.raises(ConfigError, match="'caves' of nice-gadgets 1.0 has the id 'holes': .* must be the same"):
        gadgets.get("caves")
    assert "must be the same" in gadgets.status()[0].problem


def test_two_packages_with_one_id_are_refused(gadgets: Registry, site: Site) -> None:
    site.install_gadget("nice-gadgets", "caves")
    site.install_gadget("other-gadgets", "caves", version="0.2")
    assert gadgets.ids() == ["caves"]
    expected = r"'caves' comes from several packages \(nice-gadgets 1.0, other-gadgets 0.2\): uninstall all but one"
    with pytest.raises(ConfigError, match=expected):
        gadgets.get("caves")
    assert "several packages" in gadgets.status()[0].problem


def test_renamed_ids_are_found(gadgets: Registry, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install_gadget("nice-gadgets", "caves")
    site.install_gadget("old-gadgets", "moons")
    monkeypatch.setitem(registry.RENAMED, "grottoes", "caves")
    monkeypatch.setitem(registry.RENAMED, "moons", "caves")
    assert gadgets.get("grottoes") is gadgets.get("caves")
    assert gadgets.origin("grottoes").package == "nice-gadgets"
    assert gadgets.ids() == ["caves", "moons"], "old ids are not listed"
    assert gadgets.make("moons") == "moons of size 3", "an id that is installed is not replaced"
    monkeypatch.setitem(registry.RENAMED, "craters", "holes")
    with pytest.raises(ConfigError, match="unknown gadget 'craters'"):
        gadgets.get("craters")


def test_parse_renames() -> None:
    assert parse_renames([]) == {}
    assert parse_renames(["a=b", "old-package=new-package"]) == {"a": "b", "old-package": "new-package"}
    for text in ("a", "a=", "=b", ""):
        with pytest.raises(ConfigError, match="--plugin expects OLD=NEW"):
            parse_renames([text])


def test_script_registers_a_class(gadgets: Registry, site: Site) -> None:
    @register
    @dataclasses.dataclass(frozen=True)
    class Tent(GadgetConfig):
        id: ClassVar[str] = "caves"

        def make(self) -> str:
            return "a tent"

    assert gadgets.ids() == ["caves"]
    assert gadgets.get("caves") is Tent
    assert gadgets.make("caves") == "a tent"
    assert str(gadgets.origin("caves")) == "this process"
    assert gadgets.status() == [("caves", Origin(None, None), "")]
    site.install_gadget("nice-gadgets", "caves")
    assert gadgets.get("caves") is Tent, "what a script registers comes first"


def test_registering_something_else_is_refused(gadgets: Registry) -> None:
    for other in (3, int, type("Bare", (), {})):
        with pytest.raises(ContractError, match="expected a dataclass derived from GeneratorConfig"):
            register(other)  # pyright: ignore
    for other in (GadgetConfig(), GeneratorConfig()):
        with pytest.raises(ContractError, match="expected a class derived from G"):
            register(other)  # pyright: ignore
    with pytest.raises(ContractError, match="expected a class derived from GadgetConfig, got .*WalkerConfig"):
        gadgets.register(WalkerConfig)

    @dataclasses.dataclass(frozen=True)
    class Nameless(GadgetConfig):
        pass

    with pytest.raises(ContractError, match="Nameless.* has no id, .* set `id` in the class"):
        register(Nameless)
    assert gadgets.ids() == []


def test_a_class_without_the_decorator_is_refused(gadgets: Registry) -> None:
    class Forgotten(GadgetConfig):
        id: ClassVar[str] = "forgotten"
        size: int = 3  # no option: only the decorator makes it one

    with pytest.raises(
        ContractError, match=r"expected a class with the decorator @dataclasses.dataclass\(frozen=True\)"
    ):
        register(Forgotten)


def test_the_id_of_an_installed_entry_is_refused_for_another_class(gadgets: Registry, site: Site) -> None:
    site.install_gadget("nice-gadgets", "caves")

    @dataclasses.dataclass(frozen=True)
    class Other(GadgetConfig):
        id: ClassVar[str] = "caves"

    with pytest.raises(ContractError, match="gadget 'caves' is installed by nice-gadgets 1.0: choose another id"):
        register(Other)
    assert register(gadgets.get("caves")) is gadgets.get("caves"), "the same class may be registered"


def test_config_without_make_says_so() -> None:
    @dataclasses.dataclass(frozen=True)
    class IdleGenerator(GeneratorConfig):
        id: ClassVar[str] = "idle"

    @dataclasses.dataclass(frozen=True)
    class IdleProblem(ProblemConfig):
        id: ClassVar[str] = "idle"

    with pytest.raises(ContractError, match=r"IdleGenerator must define make\(self\) -> Generator"):
        IdleGenerator().make()
    with pytest.raises(ContractError, match=r"IdleProblem must define make\(self\) -> Problem"):
        IdleProblem().make()


def test_presets_are_instances(site: Site) -> None:
    presets = Registry("recipe", GadgetConfig, instances=True)
    code = f"from {__name__} import GadgetConfig\nSMALL = GadgetConfig()\nWRONG = 3\n"
    entries = (
        "[poet.recipes]\nsmall = nice_recipes:SMALL\nwrong = nice_recipes:WRONG\nkind = nice_recipes:GadgetConfig\n"
    )
    site.install("nice-recipes", entries, code)
    assert presets.ids() == ["kind", "small", "wrong"]
    assert presets.get("small") == GadgetConfig()
    assert presets.origin("small") == Origin("nice-recipes", "1.0")
    for id in ("wrong", "kind"):
        with pytest.raises(ConfigError, match="expected an instance of GadgetConfig"):
            presets.get(id)
    assert [bool(row.problem) for row in presets.status()] == [True, False, True]


def test_a_script_registers_presets_under_ids_of_their_own() -> None:
    presets = Registry("recipe", GadgetConfig, instances=True)
    first, second = GadgetConfig(), WalkerGadgetConfig()
    presets.register(first, "first")
    presets.register(second, id="second")
    assert (presets.get("first"), presets.get("second"), presets.ids()) == (first, second, ["first", "second"])
    with pytest.raises(ContractError, match="has no id, the name by which a recipe is found: pass id="):
        presets.register(first)


def test_listing_and_configuring_import_no_jax() -> None:
    code = (
        "import sys; from poet.envs.config import generators, problems; "
        "[kind.get(id)() for kind in (generators, problems) for id in kind.ids()]; "
        "print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
