"""Imports go downwards only (design: who may import whom); read from the syntax trees, nothing is run."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# room -> what of ours it may import; a name allows everything below it
BASE = ["poet.types", "poet.errors", "poet.nested", "poet.seal"]
LAYER0 = [*BASE, "poet.envs", "poet.archives"]
READING = ["poet.runs.config", "poet.runs.folder", "poet.runs.journal", "poet.runs.read"]
MAY = {
    "poet.types": BASE,
    "poet.errors": BASE,
    "poet.nested": BASE,
    "poet.seal": BASE,
    "poet.envs": [*BASE, "poet.envs"],
    "poet.archives": [*BASE, "poet.archives"],
    "poet.agents": [*LAYER0, "poet.agents"],
    "poet.learners": [*LAYER0, "poet.learners"],
    "poet.interest": [*LAYER0, "poet.interest"],
    "poet.executors": [*LAYER0, "poet.agents", "poet.learners", "poet.executors"],
    "poet.search": [
        *LAYER0,
        "poet.agents",
        "poet.learners",
        "poet.interest",
        "poet.executors",
        "poet.search",
    ],
    "poet.runs": [
        *LAYER0,
        "poet.agents",
        "poet.learners",
        "poet.interest",
        "poet.executors",
        "poet.search",
        "poet.runs",
    ],
    "poet.view": [*LAYER0, "poet.agents", *READING, "poet.view"],
    "poet.cli": ["poet"],
    "poet.__main__": ["poet"],
    "poet.__init__": ["poet"],
}
ONLY = {
    "orbax": "poet.runs.checkpoint",
    "evosax": "poet.learners",
    "ray": "poet.executors.ray",
    "tyro": "poet.cli",
}
SOURCES = sorted(p for folder in ("poet", "envs", "archives") for p in (ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "poet" else ("poet", *parts)
    return "poet.__init__" if parts == ("poet", "__init__") else ".".join(p for p in parts if p != "__init__")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_only_go_down(path: Path) -> None:
    module = module_name(path)
    rooms = [room for room in MAY if within(module, room)]
    assert rooms, f"{module} belongs to no room of the design"
    for name in imports(path):
        assert name.split(".")[0] not in ("envs", "archives"), f"{module} imports {name}: write poet.{name}"
        if name.split(".")[0] == "poet":
            assert any(within(name, allowed) for room in rooms for allowed in MAY[room]), f"{module} imports {name}"
        for library, owner in ONLY.items():
            if within(name, library):
                assert within(module, owner), f"{module} imports {library}, which belongs to {owner}"


def test_the_check_can_fail() -> None:
    assert not any(within("poet.search.poet", allowed) for allowed in MAY["poet.view"])
    assert {module_name(p) for p in SOURCES} >= {"poet.envs.base", "poet.types", "poet.archives"}
