"""One registry for everything that is chosen by an id. Knows no jax: listing and configuring start no accelerator.

Generators, problems, policies, learners, archives, emitters, executors, searches, sinks, views, judges and presets are
found in the same way, ours like those of other packages: as entry points of installed distributions. The group is
`poet.generators`, `poet.problems`, ...; the name is the id; the object is a config class, a frozen dataclass derived
from the base class of its kind (a preset is an instance, a view is a class of its own). The groups themselves are
entry points too, in `poet.registries`.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from poet.errors import ConfigError, ContractError, unknown
from poet.typed_config import TypedConfig, check_value

EntryT = TypeVar("EntryT")

# Ids and packages that were renamed since a run was written, old -> new: `--plugin OLD=NEW`, or noted in a run.json.
# They count only where the old name is not installed.
RENAMED: dict[str, str] = {}


class Origin(NamedTuple):
    """The installed distribution that an entry comes from; both None for one that a script registered."""

    package: str | None
    version: str | None

    def __str__(self) -> str:
        return f"{self.package} {self.version}" if self.package else "this process"


class Row(NamedTuple):
    """One entry in a list."""

    id: str
    origin: Origin
    problem: str  # why it cannot be loaded; empty if it can


@dataclasses.dataclass(frozen=True)
class PluginConfig(TypedConfig):
    """Base of all config classes: the options of something that has an id. Subclasses define `make`.

    Fields have defaults, and the module imports no jax: import it inside `make`.
    """

    id: ClassVar[str] = ""
    registry: ClassVar[Registry]
    # Options that may differ when a run is resumed, besides those of the base classes; all others are part of the run's
    # identity.
    adjustable: ClassVar[frozenset[str]] = frozenset()


class Registry(Generic[EntryT]):
    """The entries of one kind, by id.

    Args:
      kind: in the singular, as in "generator".
      base: what entries derive from.
      instances: whether entries are instances of `base`, not classes.
    """

    def __init__(self, kind: str, base: type, *, instances: bool = False) -> None:
        self.kind = kind
        self.plural = (
            f"{kind}es" if kind.endswith(("ch", "x")) else f"{kind[:-1]}ies" if kind[-1] == "y" else f"{kind}s"
        )
        self.group = f"poet.{self.plural.replace(' ', '_')}"  # of entry points
        self.base = base
        self._instances = instances
        self._registered: dict[str, EntryT] = {}
        if issubclass(base, PluginConfig) and not instances:
            base.registry = self

    def ids(self) -> list[str]:
        """Every id, without importing any entry."""
        return sorted({*self._registered, *_entry_points(self.group)})

    def get(self, id: str) -> EntryT:
        """The entry behind an id.

        Raises `ConfigError` for an unknown id, and for an entry that cannot be imported, is not what its kind asks
        for, has another id than its entry point's name, or comes from two packages.
        """
        found = self._find(id)
        if isinstance(found, list):
            found = self._load(id, found)
        return found

    def origin(self, id: str) -> Origin:
        """The distribution that an entry comes from. Raises `ConfigError` for an unknown id."""
        found = self._find(id)
        return _origin(found[0]) if isinstance(found, list) else Origin(None, None)

    def status(self) -> list[Row]:
        """All entries with what is wrong with each; a broken plug-in is a row, not an error."""
        rows = []
        for id in self.ids():
            problem = ""
            try:
                self.get(id)
            except ConfigError as error:
                problem = str(error)
            rows.append(Row(id, self.origin(id), problem))
        return rows

    def make(self, id: str, **options: Any) -> Any:
        """What the config of that id with these options makes, where `make` takes no arguments: generators, problems.

        Raises `ConfigError` for an unknown id or option.
        """
        config: Any = self.get(id)
        known = {field.name for field in dataclasses.fields(config)}
        for option in options:
            if option not in known:
                raise unknown(f"option of {self.kind} {id!r}:", option, known)
        return config(**options).make()

    def register(self, entry: EntryT, id: str | None = None) -> EntryT:
        """Make an entry known in this process, from a script or a notebook.

        A class is found by its own `id`, an instance (a preset) by the `id` that is given. Raises `ContractError` for
        what cannot be an entry, and for the id of another entry that is installed.
        """
        if problem := self._problem(entry):
            raise ContractError(problem)
        id = id if self._instances else getattr(entry, "id", "")
        if not id:
            where = "pass id=..." if self._instances else "set `id` in the class"
            raise ContractError(f"{entry!r:.100} has no id, the name by which a {self.kind} is found: {where}")
        for point in _entry_points(self.group).get(id, []):
            if self._instances or point.value != f"{entry.__module__}:{entry.__qualname__}":  # type: ignore[attr-defined]
                raise ContractError(f"{self.kind} {id!r} is installed by {_origin(point)}: choose another id")
        self._registered[id] = entry
        return entry

    def _find(self, id: str) -> EntryT | list[importlib.metadata.EntryPoint]:
        check_value(f"the id of a {self.kind}", str, id)
        points = _entry_points(self.group)
        for name in (id, RENAMED.get(id, id)):
            if name in self._registered:
                return self._registered[name]
            if name in points:
                return points[name]
        raise ConfigError(
            f"{unknown(self.kind, id, self.ids())} If it comes with a package, install that; if the package has "
            f"renamed it, add --plugin {id}=NEW"
        )

    def _load(self, id: str, points: list[importlib.metadata.EntryPoint]) -> EntryT:
        point = points[0]
        if len(points) > 1:
            packages = ", ".join(str(_origin(point)) for point in points)
            raise ConfigError(
                f"{self.kind} {point.name!r} comes from several packages ({packages}): uninstall all but one"
            )
        try:
            entry: Any = point.load()
        except Exception as error:
            raise ConfigError(
                f"{self.kind} {point.name!r} of {_origin(point)} cannot be imported from {point.value}: {error!r}"
            ) from error
        if problem := self._problem(entry):
            raise ConfigError(f"{self.kind} {point.name!r} of {_origin(point)}: {problem}")
        if not self._instances and entry.id != point.name:
            raise ConfigError(
                f"{self.kind} {point.name!r} of {_origin(point)} has the id {entry.id!r}: "
                "the entry point's name and `id` must be the same"
            )
        return entry

    def _problem(self, entry: Any) -> str:
        if self._instances:
            return (
                "" if isinstance(entry, self.base) else f"expected an instance of {self.base.__name__}, got {entry!r}"
            )
        if not (isinstance(entry, type) and issubclass(entry, self.base)):
            return f"expected a class derived from {self.base.__name__}, got {entry!r}"
        # A class without the decorator looks like a dataclass, since its base is one, but its fields are no options.
        if issubclass(self.base, PluginConfig) and "__dataclass_params__" not in vars(entry):
            return f"expected a class with the decorator @dataclasses.dataclass(frozen=True), got {entry!r}"
        return ""


def registries() -> list[Registry]:
    """All kinds of entries there are."""
    return [points[0].load() for points in _entry_points("poet.registries").values()]


def register(config: type[EntryT]) -> type[EntryT]:
    """Make a config class known under its `id` in this process, whatever its kind; usable as a decorator.

    For scripts and notebooks; a package declares an entry point. Raises `ContractError` for anything else than a
    dataclass derived from the base of a kind.
    """
    registry = getattr(config, "registry", None)
    if registry is None:
        raise ContractError(
            f"expected a dataclass derived from GeneratorConfig, ProblemConfig, PolicyConfig, ..., got {config!r}"
        )
    return registry.register(config)


def parse_renames(given: list[str]) -> Mapping[str, str]:
    """What `--plugin OLD=NEW` options say. Raises `ConfigError` for one of another form."""
    pairs = [text.partition("=") for text in given]
    for text, (old, sign, new) in zip(given, pairs):
        if not (old and sign and new):
            raise ConfigError(f"--plugin expects OLD=NEW, an id or a package and its new name, got {text!r}")
    return {old: new for old, _, new in pairs}


@functools.cache
def _entry_points(group: str) -> dict[str, list[importlib.metadata.EntryPoint]]:
    """The entry points of a group by name; of one name there are several if several packages offer it."""
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for point in sorted(importlib.metadata.entry_points(group=group)):
        found.setdefault(point.name, []).append(point)
    return found


def _origin(point: importlib.metadata.EntryPoint) -> Origin:
    # A distribution is missing only for entry points that were made by hand.
    return Origin(point.dist.name, point.dist.version) if point.dist else Origin(None, None)
