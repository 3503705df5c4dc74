"""What runs of every search have in common, in one frozen tree of options; imports no jax.

A search enters the registry by its run config: a frozen dataclass derived from `RunConfig` with an `id`, a `view` and a
`make`. Its fields are the options of the run: typed by the base class of a kind (`GeneratorConfig`, `LearnerConfig`,
...) a field takes any entry of that kind, on the command line too (`--learner ID`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from poet import configs
from poet.agents.config import EngineConfig, XLAEngineConfig
from poet.errors import ConfigError, ContractError
from poet.executors.config import ExecutorConfig, LocalExecutorConfig
from poet.registry import PluginConfig, Registry
from poet.sinks.config import SinkConfig
from poet.typed_config import TypedConfig

if TYPE_CHECKING:
    from poet.search.base import RunContext, Search

MAX_FRACTION = 10.0  # of a threshold in size; what is larger was meant as a return


@dataclasses.dataclass(frozen=True)
class StopConfig(TypedConfig):
    """When a run ends before its budget: at a target, or when it is stagnant."""

    adjustable: ClassVar[frozenset[str]] = frozenset({"metric", "at_least", "at_most", "stagnant", "min_change"})

    metric: str | None = None  # a number of each iteration, by its name in trackers: "best_fitness", "fitness/max"
    at_least: float | None = None  # the run ends when the metric is at least this
    at_most: float | None = None  # the run ends when the metric is at most this; lower is then better
    stagnant: int | None = None  # the run ends after so many iterations without improvement of the metric
    min_change: float = 0.0  # an improvement is better than the last one by more than this

    def __post_init__(self) -> None:
        if self.metric is None and (self.at_least, self.at_most, self.stagnant) != (None, None, None):
            raise ConfigError(
                "stop.metric is needed with stop.at_least, stop.at_most and stop.stagnant: "
                "the name of the number that they judge, as in --stop.metric best_fitness"
            )
        if self.at_least is not None and self.at_most is not None:
            raise ConfigError("stop expects either at_least or at_most, got both: greater is better, or lower is")
        if self.stagnant is not None and self.stagnant < 1:
            raise ConfigError(f"stop.stagnant expects at least 1 iteration, got {self.stagnant}")
        if self.min_change < 0:
            raise ConfigError(f"stop.min_change expects a number of at least 0, got {self.min_change}")


@dataclasses.dataclass(frozen=True)
class ThresholdConfig(TypedConfig):
    """Base of the rules of searches that compare the scores of agents with thresholds.

    Raises `ConfigError` for a fraction of more than 10 in size.
    """

    thresholds: ClassVar[tuple[str, ...]] = ("solved_score",)  # the fields that are thresholds

    # Of all thresholds below. "fraction": of the generator's `return_range`, so that 0 is what an agent gets that has
    # learnt nothing, and 1 what a perfect agent gets. "return": returns of episodes.
    threshold_unit: Literal["fraction", "return"] = "fraction"
    # An environment is solved at this score, if the agent also reaches the goal each time; by default at the
    # generator's `solved_return`.
    solved_score: float | None = None

    def __post_init__(self) -> None:
        for name in self.thresholds if self.threshold_unit == "fraction" else ():
            value = getattr(self, name)
            if value is not None and abs(value) > MAX_FRACTION:
                raise ConfigError(
                    f"search.{name} expects a fraction of the generator's return_range, 0 to 1 within it and at most "
                    f"{MAX_FRACTION:g} in size, got {value:g}: to give all thresholds as returns, set "
                    "search.threshold_unit to return"
                )


@dataclasses.dataclass(frozen=True)
class RunConfig(PluginConfig):
    """Base of the configs of all searches."""

    view: ClassVar[str] = "journal"  # the id of the view that opens such a run
    adjustable: ClassVar[frozenset[str]] = frozenset(
        {"iterations", "max_env_steps", "checkpoint_every", "keep_every", "sinks"}
    )

    seed: int = 0  # of the key that all random numbers are derived from
    iterations: int = 1000  # number of iterations after which the run ends; raise it to extend a finished run
    max_env_steps: int | None = None  # number of environment steps after which it ends, if that comes first
    engine: EngineConfig = dataclasses.field(default_factory=XLAEngineConfig)  # how episodes are computed
    executor: ExecutorConfig = dataclasses.field(default_factory=LocalExecutorConfig)  # where work runs
    checkpoint_every: int = 10  # iterations from one checkpoint to the next
    keep_every: int = 1000  # checkpoints whose iteration is a multiple of this are kept, besides the last two
    stop: StopConfig = StopConfig()
    sinks: tuple[SinkConfig, ...] = ()  # what receives the journal rows, as experiment trackers

    def __post_init__(self) -> None:
        for name in ("iterations", "checkpoint_every", "keep_every", "max_env_steps"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ConfigError(f"{name} expects at least 1, got {getattr(self, name)}")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed expects an integer in [0, 2**32), got {self.seed}")

    def resolve(self) -> RunConfig:
        """The same config with a value for each option that depends on the device; starts jax."""
        return dataclasses.replace(self, engine=self.engine.resolve())

    def make(self, context: RunContext) -> Search:
        """The search that this config describes.

        A subclass may take keyword arguments that replace objects which the config names; `poet.run` and
        `poet.build_search` hand them on.

        Import jax and the algorithm here, not at the top of the module that holds the config.
        """
        raise ContractError(f"{type(self).__name__} must define make(self, context) -> Search")

    def describe(self) -> str:
        """What is searched for and where, in a few words for a list."""
        return self.id

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what comes from a registry carries its id there."""
        return configs.to_dict(self)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> RunConfig:
        """Inverse of `to_dict`, of the class that "id" names.

        Raises `ConfigError` for unknown ids and fields and for impossible values.
        """
        return configs.from_dict(searches, data)


searches: Registry[type[RunConfig]] = Registry("search", RunConfig)
presets: Registry[RunConfig] = Registry("preset", RunConfig, instances=True)
