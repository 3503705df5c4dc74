"""Options of sinks; imports no tracker."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from poet.errors import ConfigError, ContractError
from poet.extras import import_extra
from poet.registry import PluginConfig, Registry

if TYPE_CHECKING:
    from poet.sinks.base import Sink


@dataclasses.dataclass(frozen=True)
class SinkContext:
    """What the factory of a sink gets besides its config.

    Attributes:
      run: name of the run.
      folder: for files of the sink, in the run folder; it exists.
      id: of this run in this sink, 16 hexadecimal digits: the same after every resume, another in a fork.
      config: every option of the run, as in config.json.
    """

    run: str
    folder: Path
    id: str
    config: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class SinkConfig(PluginConfig):
    """Base of the configs of sinks: what receives the journal rows of a run, as an experiment tracker."""

    # Whether the sink leaves out iterations that it has: it then gets the whole history at every start.
    skips_known: ClassVar[bool] = False

    def check(self) -> None:
        """Raise `ConfigError` unless the sink can work here: its packages, its account. Called before anything else."""

    def make(self, context: SinkContext) -> Sink:
        """The sink. It may wait with everything slow until its first call: that is in a thread of its own."""
        raise ContractError(f"{type(self).__name__} must define make(self, context) -> Sink")


@dataclasses.dataclass(frozen=True)
class TensorBoardConfig(SinkConfig):
    """Curves for TensorBoard, in sinks/tensorboard of the run folder."""

    id: ClassVar[str] = "tensorboard"

    step: Literal["iteration", "env_steps"] = "iteration"  # the x axis; TensorBoard offers time itself

    def check(self) -> None:
        """Raise `ConfigError` if the package is missing."""
        import_extra("tensorboard", "poet.sinks.tensorboard")

    def make(self, context: SinkContext) -> Sink:
        """The sink."""
        from poet.sinks.tensorboard import TensorBoardSink

        return TensorBoardSink(self, context)


@dataclasses.dataclass(frozen=True)
class WandbConfig(SinkConfig):
    """Curves for Weights & Biases."""

    id: ClassVar[str] = "wandb"
    skips_known: ClassVar[bool] = True  # what was not sent before a kill is sent after it

    project: str | None = None  # by default WANDB_PROJECT of the environment, or "poet"
    entity: str | None = None  # team or user; by default that of the account
    name: str | None = None  # by default that of the run
    group: str | None = None  # under which runs are shown together, as the seeds of one experiment
    tags: tuple[str, ...] = ()
    mode: Literal["online", "offline"] | None = None  # by default WANDB_MODE of the environment, or online
    step: Literal["iteration", "env_steps"] = "iteration"  # the x axis of the curves at first

    @property
    def online(self) -> bool:
        """Whether it is to send what it gets at once."""
        return (self.mode or os.environ.get("WANDB_MODE", "online")) == "online"

    def check(self) -> None:
        """Raise `ConfigError` if the package is missing, or nobody is logged in."""
        wandb = import_extra("wandb", "wandb")
        if self.online and not wandb.login(prompt=False, verify=False):
            raise ConfigError(
                "sink wandb: nobody is logged in to Weights & Biases. Log in with `wandb login`, set WANDB_API_KEY, or "
                "work without an account: WANDB_MODE=offline"
            )

    def make(self, context: SinkContext) -> Sink:
        """The sink."""
        from poet.sinks.wandb import WandbSink

        return WandbSink(self, context)


sinks: Registry[type[SinkConfig]] = Registry("sink", SinkConfig)
