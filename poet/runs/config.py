"""Every knob of a run in one frozen tree; imports no jax, so that a command can answer at once.

A run is of a kind, by the class of its config. A kind of one's own is a frozen dataclass derived from `Config` with a
`kind`, entered into `KINDS`, and a search for it registered with `poet.runs.build.build`.
"""

import dataclasses
import typing
from typing import Any, ClassVar

from poet.agents.config import PolicyConfig
from poet.archives.config import ArchiveConfig
from poet.envs.arm.config import ArmConfig
from poet.envs.registry import AnyConfig, GeneratorConfig, ProblemConfig, Registry, generators, problems
from poet.envs.walker.config import WalkerConfig
from poet.errors import ConfigError, ContractError, unknown
from poet.executors.config import ExecutionConfig
from poet.learners.config import ESConfig
from poet.nested import differences
from poet.search.map_elites.config import MapElitesConfig
from poet.search.pairs.config import PairsConfig
from poet.search.poet.config import PoetConfig

# What may change when a run goes on: how long, where and how often it is saved. All else is the run's identity.
ADJUSTABLE = frozenset(
    {
        "iterations",
        "max_env_steps",
        "checkpoint_every",
        "keep_every",
        "execution.devices",
        "execution.queue",
        "execution.chunk",
    }
)


@dataclasses.dataclass(frozen=True)
class Config:
    """What runs of every kind have."""

    kind: ClassVar[str] = ""

    seed: int = 0
    iterations: int = 1000  # where the run ends; raise it to go on with a finished run
    max_env_steps: int | None = None  # or here, if that comes first
    execution: ExecutionConfig = dataclasses.field(default_factory=ExecutionConfig)
    checkpoint_every: int = 10  # iterations
    keep_every: int = 1000  # of the checkpoints, those to keep for good, besides the last two

    def __post_init__(self) -> None:
        if not self.kind:
            raise ContractError(
                f"{type(self).__name__} has no `kind`: use one of "
                f"{', '.join(kind.__name__ for kind in KINDS.values())}, or set it in a class of your own"
            )
        for name in ("iterations", "checkpoint_every", "keep_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} expects at least 1, got {getattr(self, name)}")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed expects an integer in [0, 2**32), got {self.seed}")

    def describe(self) -> str:
        """What is searched for and where, in a few words for a list."""
        return self.kind

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what comes from a registry carries its id there."""
        return {"kind": self.kind, **_encode(self)}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> "Config":
        """Inverse of `to_dict`, of the class that `kind` names; without one it is a POET run, as runs once were.

        Raises `ConfigError` for unknown kinds and fields and for impossible values.
        """
        data = dict(data)
        kind = data.pop("kind", PoetRun.kind)
        if kind not in KINDS:
            raise unknown("kind of run", kind, KINDS)
        return _make(KINDS[kind], data, "")


@dataclasses.dataclass(frozen=True)
class PoetRun(Config):
    """Environments and agents evolve together (Wang et al. 2019, arXiv 1901.01753)."""

    kind: ClassVar[str] = "poet"

    iterations: int = 25_200  # where the run ends; raise it to go on with a finished run
    generator: GeneratorConfig = dataclasses.field(default_factory=WalkerConfig)
    policy: PolicyConfig = dataclasses.field(default_factory=PolicyConfig)
    es: ESConfig = dataclasses.field(default_factory=ESConfig)
    search: PoetConfig = dataclasses.field(default_factory=PoetConfig)

    def describe(self) -> str:
        """Generator and sizes."""
        return f"{self.generator.id}, up to {self.search.max_niches} niches, population {self.es.population}"


@dataclasses.dataclass(frozen=True)
class MapElitesRun(Config):
    """The best solution of every kind (Mouret and Clune 2015, arXiv 1504.04909).

    Of a problem, or of agents in the simplest environment of a generator; `policy` is what such agents are.
    """

    kind: ClassVar[str] = "map-elites"

    problem: ProblemConfig | GeneratorConfig = dataclasses.field(default_factory=ArmConfig)
    policy: PolicyConfig = dataclasses.field(default_factory=PolicyConfig)
    archive: ArchiveConfig = dataclasses.field(default_factory=ArchiveConfig)
    search: MapElitesConfig = dataclasses.field(default_factory=MapElitesConfig)
    offset: float | None = None  # worst fitness, from which QD scores count; by default the problem's own, or 0

    def describe(self) -> str:
        """Problem, emitters and archive."""
        emitters = "+".join(dict.fromkeys(self.search.emitters))
        return f"{self.problem.id}, {emitters} in batches of {self.search.batch}, {self.archive.kind} archive"


@dataclasses.dataclass(frozen=True)
class PairsRun(Config):
    """Solved environments of every kind, each with the agent that solves it."""

    kind: ClassVar[str] = "map-elites-pairs"

    generator: GeneratorConfig = dataclasses.field(default_factory=WalkerConfig)
    policy: PolicyConfig = dataclasses.field(default_factory=PolicyConfig)
    es: ESConfig = dataclasses.field(default_factory=ESConfig)
    archive: ArchiveConfig = dataclasses.field(default_factory=ArchiveConfig)
    search: PairsConfig = dataclasses.field(default_factory=PairsConfig)

    def describe(self) -> str:
        """Generator, and the coordinates of the archive."""
        return f"pairs of {self.generator.id}, by {', '.join(self.search.features) or 'all features'}"


KINDS: dict[str, type[Config]] = {kind.kind: kind for kind in (PoetRun, MapElitesRun, PairsRun)}


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        fields = {field.name: _encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"id": value.id, **fields} if isinstance(value, AnyConfig) else fields
    return [_encode(item) for item in value] if isinstance(value, tuple | list) else value


def _make(kind: type, values: dict[str, Any], prefix: str) -> Any:
    hints = typing.get_type_hints(kind)
    known = {field.name for field in dataclasses.fields(kind)}
    for name in values:
        if name not in known:
            raise unknown("config field", prefix + name, {prefix + field for field in known})
    return kind(**{name: _decode(hints[name], value, prefix + name) for name, value in values.items()})


def _decode(hint: Any, value: Any, name: str) -> Any:
    options = typing.get_args(hint) or (hint,)
    registries = [registry for registry in (generators, problems) if registry.base in options]
    if isinstance(value, dict) and registries:
        value = dict(value)
        return _make(_registered(registries, value.pop("id")), value, f"{name}.")
    if isinstance(value, dict):
        return _make(next(filter(dataclasses.is_dataclass, options)), value, f"{name}.")
    return tuple(_decode(options[0], item, name) for item in value) if isinstance(value, list) else value


def _registered(registries: list[Registry], name: str) -> type[AnyConfig]:
    for registry in registries:
        if name in registry.names():
            return registry.config_class(name)
    known = [each for registry in registries for each in registry.names()]
    raise ConfigError(
        f"{unknown(' or '.join(registry.kind for registry in registries), name, known)} One of your own comes with a "
        "package that is installed and has an entry point, or from a script by poet.register"
    )


def identity_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """One readable line for each identity field in which two configs differ."""
    before, after = ({"kind": PoetRun.kind, **data} for data in (old, new))
    return differences(before, after, ADJUSTABLE)
