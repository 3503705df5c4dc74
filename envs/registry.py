"""Names of generators and problems and how to make them. Knows no jax: listing and configuring start no accelerator.

Each enters by its config class, a frozen dataclass derived from `GeneratorConfig` or `ProblemConfig`; from another
package by an entry point in the group `poet.generators` or `poet.problems`, whose name is the id and whose object is
that class. `names`, `config_class`, `status` and `make` are those of `generators`; `problems` has its own.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from poet.errors import ConfigError, ContractError, unknown

if TYPE_CHECKING:
    from poet.envs.base import Generator, Problem


@dataclasses.dataclass(frozen=True)
class GeneratorConfig:
    """Options of a generator. Subclasses set `id`, add fields with defaults, and make the generator."""

    id: ClassVar[str] = ""

    def make(self) -> Generator:
        """Build the generator; import jax here, not at the top of the module that holds the config."""
        raise ContractError(f"{type(self).__name__} must define make(self) -> Generator")


@dataclasses.dataclass(frozen=True)
class ProblemConfig:
    """Options of a problem. Subclasses set `id`, add fields with defaults, and make the problem."""

    id: ClassVar[str] = ""

    def make(self) -> Problem:
        """Build the problem; import jax here, not at the top of the module that holds the config."""
        raise ContractError(f"{type(self).__name__} must define make(self) -> Problem")


AnyConfig = GeneratorConfig | ProblemConfig
ConfigT = TypeVar("ConfigT", bound=AnyConfig)
MadeT = TypeVar("MadeT")


@dataclasses.dataclass(frozen=True)
class Registry(Generic[ConfigT, MadeT]):
    """What is known of one kind of plug-in."""

    kind: str
    base: type[ConfigT]
    known: dict[str, str | type[AnyConfig]]  # by id; "module:class" is imported when it is asked for

    def _plugins(self) -> dict[str, importlib.metadata.EntryPoint]:
        return {entry.name: entry for entry in importlib.metadata.entry_points(group=f"poet.{self.kind}s")}

    def names(self) -> list[str]:
        """Every id, own and plugged in, without importing any of them."""
        return sorted({*self.known, *self._plugins()})

    def config_class(self, name: str) -> type[ConfigT]:
        """The config class behind an id. Raises `ConfigError` for an unknown id or a plug-in that fails to import."""
        found: Any = self.known.get(name)
        if found is None:
            plugins = self._plugins()
            if name not in plugins:
                raise unknown(self.kind, name, self.names())
            try:
                found = plugins[name].load()
            except Exception as error:
                raise ConfigError(
                    f"{self.kind} {name!r} failed to load from {plugins[name].value}: {error!r}"
                ) from error
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            found = getattr(importlib.import_module(module), attribute)
        if not (isinstance(found, type) and issubclass(found, self.base)):
            raise ConfigError(f"{self.kind} {name!r} must be a class derived from {self.base.__name__}, got {found!r}")
        return found

    def status(self) -> list[tuple[str, str]]:
        """Each id with "ok" or the error that its import raises; a broken plug-in is a row, not a crash."""
        rows = []
        for name in self.names():
            try:
                self.config_class(name)
                rows.append((name, "ok"))
            except ConfigError as error:
                rows.append((name, str(error)))
        return rows

    def make(self, name: str, **options: Any) -> MadeT:
        """The thing of that id with these options. Raises `ConfigError` for an unknown id or option."""
        config = self.config_class(name)
        fields = {field.name for field in dataclasses.fields(config)}
        for option in options:
            if option not in fields:
                raise unknown(f"option of {self.kind} {name!r}:", option, fields)
        return config(**options).make()  # pyright: ignore[reportReturnType]


generators: Registry[GeneratorConfig, Generator] = Registry(
    "generator",
    GeneratorConfig,
    {
        "walker": "poet.envs.walker.config:WalkerConfig",
        "walker-gaits": "poet.envs.walker.config:WalkerGaitConfig",
        "maze": "poet.envs.maze.config:MazeConfig",
    },
)
problems: Registry[ProblemConfig, Problem] = Registry(
    "problem",
    ProblemConfig,
    {
        "arm": "poet.envs.arm.config:ArmConfig",
        "sphere": "poet.envs.functions.config:SphereConfig",
        "rastrigin": "poet.envs.functions.config:RastriginConfig",
        "rastrigin-multi": "poet.envs.functions.config:RastriginMultiConfig",
    },
)
names, config_class, status, make = generators.names, generators.config_class, generators.status, generators.make


def register(config: type[ConfigT]) -> type[ConfigT]:
    """Make a generator or a problem known under its config's `id`; usable as a decorator."""
    if not (isinstance(config, type) and issubclass(config, AnyConfig) and dataclasses.is_dataclass(config)):
        raise ContractError(
            f"register expects a dataclass derived from GeneratorConfig or ProblemConfig, got {config!r}"
        )
    if not config.id:
        raise ContractError(f"{config.__name__} must set `id`, the name under which it is found")
    kind = generators if issubclass(config, GeneratorConfig) else problems
    kind.known[config.id] = config
    return config
