"""Imports go downwards only (docs/architecture.md); read from the syntax trees, nothing is run."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Package or module -> those of ours that it may import; a name allows everything below it.
BASE = [
    "poet.activity",
    "poet.command_line",
    "poet.types",
    "poet.errors",
    "poet.registry",
    "poet.configs",
    "poet.checked",
    "poet.checked_arrays",
    "poet.checksum",
    "poet.files",
    "poet.terminal",
    "poet.jax_settings",
    "poet.typed_config",
    "poet.memory",
    "poet.extras",
]
LAYER0 = [*BASE, "poet.envs", "poet.archives"]
READING = ["poet.runs.layout", "poet.runs.read", "poet.runs.status"]
ALLOWED = {
    "poet.activity": BASE,
    "poet.command_line": BASE,
    "poet.types": BASE,
    "poet.errors": BASE,
    "poet.registry": BASE,
    "poet.configs": BASE,
    "poet.checked": BASE,
    "poet.checked_arrays": BASE,
    "poet.checksum": BASE,
    "poet.files": BASE,
    "poet.terminal": BASE,
    "poet.jax_settings": BASE,
    "poet.typed_config": BASE,
    "poet.memory": BASE,
    "poet.extras": BASE,
    "poet.envs": [*BASE, "poet.envs"],
    "poet.archives": [*BASE, "poet.archives"],
    "poet.agents": [*LAYER0, "poet.agents"],
    "poet.learners": [*LAYER0, "poet.agents", "poet.learners"],
    "poet.interest": [*LAYER0, "poet.interest"],
    "poet.sinks": [*BASE, "poet.sinks"],
    "poet.executors": [*LAYER0, "poet.agents", "poet.learners", "poet.executors"],
    "poet.search": [
        *LAYER0,
        "poet.agents",
        "poet.learners",
        "poet.interest",
        "poet.sinks",
        "poet.executors",
        "poet.search",
    ],
    "poet.runs": [
        *LAYER0,
        "poet.agents",
        "poet.learners",
        "poet.interest",
        "poet.sinks",
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
    "tensorboard": "poet.sinks.tensorboard",
    "wandb": "poet.sinks.wandb",
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


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_only_go_down(path: Path) -> None:
    module = module_name(path)
    packages = [package for package in ALLOWED if within(module, package)]
    assert packages, f"{module} belongs to no package of the table"
    for name in imports(path):
        assert name.split(".")[0] not in ("envs", "archives"), f"{module} imports {name}: write poet.{name}"
        if name.split(".")[0] == "poet":
            assert any(within(name, allowed) for package in packages for allowed in ALLOWED[package]), (
                f"{module} imports {name}"
            )
        for library, owner in ONLY.items():
            if within(name, library):
                assert within(module, owner), f"{module} imports {library}, which belongs to {owner}"


def test_the_check_can_fail() -> None:
    assert not any(within("poet.search.poet", allowed) for allowed in ALLOWED["poet.view"])
    assert {module_name(p) for p in SOURCES} >= {"poet.envs.base", "poet.types", "poet.archives"}


def runtime_imports(source: str) -> set[str]:
    """Everything that a module imports when it runs, at the top and within functions; not what is for type checkers."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        waiting += ast.iter_child_nodes(node)
    return found


def import_graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """Module -> the modules that it imports when it runs, of those that are given."""
    graph = {}
    for module, source in sources.items():
        names = runtime_imports(source)
        names |= {name.rpartition(".")[0] for name in names if name not in sources}  # a name within a module
        graph[module] = names & sources.keys()
    return graph


def find_circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, the first one again at the end; empty if there is no circle."""
    finished: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module not in finished:
            for imported in sorted(graph[module]):
                if circle := visit(imported, [*path, module]):
                    return circle
            finished.add(module)
        return []

    return next((circle for module in sorted(graph) if (circle := visit(module, []))), [])


@pytest.mark.parametrize("package", ["poet.view"])
def test_no_module_imports_itself_in_a_circle(package: str) -> None:
    sources = {name: path.read_text() for path in SOURCES if within(name := module_name(path), package)}
    graph = import_graph(sources)
    assert sum(map(len, graph.values())) > len(graph), "the modules import each other, or this test checks nothing"
    assert not (circle := find_circle(graph)), " -> ".join(circle)


@pytest.mark.parametrize(
    ("second", "circle"),
    [
        ("from poet.a import f", ["poet.a", "poet.b", "poet.a"]),
        ("def g():\n    import poet.a", ["poet.a", "poet.b", "poet.a"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from poet.a import f", []),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    from poet import a", ["poet.a", "poet.b", "poet.a"]),
    ],
)
def test_the_search_for_circles_can_fail(second: str, circle: list[str]) -> None:
    sources = {"poet.a": "def f():\n    from poet import b", "poet.b": second, "poet.c": "import poet.a"}
    assert find_circle(import_graph(sources)) == circle
