"""Curves in Weights & Biases, which sends what it is given from a process of its own."""

import os
from collections.abc import Sequence
from typing import Any

import wandb

from poet.sinks.base import Row
from poet.sinks.config import SinkContext, WandbConfig
from poet.sinks.points import points

# Bounds on how long the end of a run can wait for a server that does not answer.
START_S = 10.0
FINISH_S = 5.0


class WandbSink:
    """Starts or resumes its run of wandb with the first rows."""

    def __init__(self, config: WandbConfig, context: SinkContext) -> None:
        self._config = config
        self._context = context
        self._run: Any = None
        self._next = 0  # the first step that wandb does not have

    def __call__(self, rows: Sequence[Row]) -> None:
        """Add the points that wandb does not have: those of an iteration that was done again would be the same."""
        if self._run is None:
            self._run = self._start()
            self._next = self._run.starting_step
        for point in points(rows):
            if point.iteration >= self._next:
                self._run.log({**point.values, "_timestamp": point.time}, step=point.iteration)
                self._next = point.iteration + 1

    def close(self) -> None:
        """Wait until everything is sent, for some seconds; the rest stays in the folder, for `wandb sync`."""
        if self._run is not None:
            self._run.finish()

    def _start(self) -> Any:
        config = self._config
        run = wandb.init(
            project=config.project or os.environ.get("WANDB_PROJECT", "poet"),
            entity=config.entity,
            name=config.name or self._context.run,
            group=config.group,
            tags=config.tags or None,
            config=dict(self._context.config),
            id=self._context.id,
            resume="allow" if config.online else None,
            mode=config.mode,
            dir=str(self._context.folder),
            settings=wandb.Settings(console="off", quiet=True, init_timeout=START_S, finish_timeout=FINISH_S),
        )
        if config.step == "env_steps":
            run.define_metric("*", step_metric="env_steps")
        return run
