"""Every knob of a run in one frozen tree; imports no jax, so that a command can answer at once."""

import dataclasses
from typing import Any

from envs.registry import GeneratorConfig, config_class
from envs.walker.config import WalkerConfig
from poet.agents.config import PolicyConfig
from poet.errors import ConfigError, unknown
from poet.executors.config import ExecutionConfig
from poet.learners.config import ESConfig
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
    """A POET run."""

    seed: int = 0
    iterations: int = 25_200  # where the run ends; raise it to go on with a finished run
    max_env_steps: int | None = None  # or here, if that comes first
    generator: GeneratorConfig = dataclasses.field(default_factory=WalkerConfig)
    policy: PolicyConfig = dataclasses.field(default_factory=PolicyConfig)
    es: ESConfig = dataclasses.field(default_factory=ESConfig)
    search: PoetConfig = dataclasses.field(default_factory=PoetConfig)
    execution: ExecutionConfig = dataclasses.field(default_factory=ExecutionConfig)
    checkpoint_every: int = 10  # iterations
    keep_every: int = 1000  # of the checkpoints, those to keep for good, besides the last two

    def __post_init__(self) -> None:
        for name in ("iterations", "checkpoint_every", "keep_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} expects at least 1, got {getattr(self, name)}")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed expects an integer in [0, 2**32), got {self.seed}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the generator's options carry its registry id."""
        data = dataclasses.asdict(self)
        data["generator"] = {"id": self.generator.id, **data["generator"]}
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Config":
        """Inverse of `to_dict`. Raises `ConfigError` for unknown fields and impossible values."""
        data = dict(data)
        generator = dict(data.pop("generator"))
        parts: dict[str, Any] = {"generator": _make(config_class(generator.pop("id")), generator, "generator.")}
        for name, kind in PARTS.items():
            parts[name] = _make(kind, data.pop(name, {}), f"{name}.")
        return _make(cls, {**data, **parts}, "")


PARTS = {"policy": PolicyConfig, "es": ESConfig, "search": PoetConfig, "execution": ExecutionConfig}


def _make(kind: type, values: dict[str, Any], prefix: str) -> Any:
    known = {field.name for field in dataclasses.fields(kind)}
    for name in values:
        if name not in known:
            raise unknown("config field", prefix + name, {prefix + field for field in known})
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def flatten(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted names to values, for comparing two configs."""
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = list(value) if isinstance(value, tuple) else value
    return flat


def identity_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """One readable line for each identity field in which two configs differ."""
    before, after = flatten(old), flatten(new)
    names = sorted((before.keys() | after.keys()) - ADJUSTABLE)
    return [
        f"{name}: {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
        for name in names
        if before.get(name, "absent") != after.get(name, "absent")
    ]
