"""Options of executors; imports no jax."""

import dataclasses

from poet.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class ExecutionConfig:
    """Where and in which blocks work runs. Only `lanes` is part of a run's identity: bits depend on shapes."""

    lanes: int | None = None  # episodes that run side by side in one block; by default 128 on CPU, 8192 elsewhere
    devices: int | None = None  # local devices to use; by default all (on CPU one for each core)
    chunk: int = 32  # steps between two refills of the lanes
    queue: int | None = None  # episodes handed to a device at once; by default 2048 on CPU, 32768 elsewhere

    def __post_init__(self) -> None:
        for name in ("lanes", "devices", "chunk", "queue"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"execution.{name} expects at least 1, got {value}")
