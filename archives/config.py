"""Options of archives; imports no jax. An archive's `spec` is these with its bounds, and makes it anew."""

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from poet.errors import ConfigError, unknown

if TYPE_CHECKING:
    from poet.archives.base import Archive

# kind -> the options of its factory besides bounds
KINDS = {
    "grid": ("shape", "out_of_bounds", "soft"),
    "cvt": ("num_cells", "seed", "out_of_bounds", "soft"),
    "unstructured": ("capacity", "threshold", "out_of_bounds"),
    "pareto": ("shape", "front", "num_objectives", "out_of_bounds"),
}


@dataclasses.dataclass(frozen=True)
class ArchiveConfig:
    """An archive for descriptors whose bounds the problem knows. Each kind looks at its own options alone."""

    kind: Literal["grid", "cvt", "unstructured", "pareto"] = "grid"
    shape: tuple[int, ...] = (100, 100)  # grid, pareto: cells along each coordinate; one number for all of them
    num_cells: int = 10_000  # cvt
    seed: int = 0  # cvt: of the centroids
    capacity: int = 10_000  # unstructured
    threshold: float = 0.05  # unstructured: elites lie at least this far apart
    front: int = 8  # pareto: elites in a cell at most
    num_objectives: int = 2  # pareto: as many as the problem has
    out_of_bounds: Literal["clip", "reject"] = "clip"
    learning_rate: float | None = None  # grid, cvt: of the soft acceptance rule; None for the plain one
    threshold_min: float = 0.0  # where the soft rule's thresholds start

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("archive.kind", self.kind, KINDS)
        if not self.shape or min(self.shape) < 1:
            raise ConfigError(f"archive.shape expects at least one number of cells, each at least 1, got {self.shape}")
        for name in ("num_cells", "capacity", "front", "num_objectives"):
            if getattr(self, name) < 1:
                raise ConfigError(f"archive.{name} expects at least 1, got {getattr(self, name)}")

    def spec(self, bounds: Sequence[Sequence[float]]) -> dict[str, Any]:
        """What `poet.archives.make` needs. Raises `ConfigError` where the shape does not fit the bounds."""
        shape = self.shape * len(bounds) if len(self.shape) == 1 else self.shape
        if "shape" in KINDS[self.kind] and len(shape) != len(bounds):
            raise ConfigError(
                f"archive.shape {self.shape} is for {len(shape)} coordinates, but descriptors have {len(bounds)}"
            )
        soft = None
        if self.learning_rate is not None:
            soft = {"threshold_min": self.threshold_min, "learning_rate": self.learning_rate}
        options = {**dataclasses.asdict(self), "shape": list(shape), "soft": soft}
        chosen = {name: options[name] for name in KINDS[self.kind]}
        return {"kind": self.kind, "bounds": [list(map(float, pair)) for pair in bounds], **chosen}


def make(spec: Mapping[str, Any]) -> "Archive":
    """The archive of a spec. Raises `ConfigError` for an unknown kind or impossible options."""
    options = dict(spec)
    kind = options.pop("kind", None)
    if kind not in KINDS:
        raise unknown("kind of archive", str(kind), KINDS)
    factory = getattr(importlib.import_module(f"poet.archives.{kind}"), kind)
    if options.get("soft") is not None:
        from poet.archives.soft import SoftRule

        _check_options("soft", SoftRule, options["soft"])
        options["soft"] = SoftRule(**options["soft"])
    _check_options(kind, factory, options)
    return factory(**options)


def _check_options(what: str, factory: Callable, options: Mapping[str, Any]) -> None:
    known = inspect.signature(factory).parameters
    for name in options:
        if name not in known:
            raise unknown(f"option of {what}", name, known)
    missing = [name for name, each in known.items() if each.default is each.empty and name not in options]
    if missing:
        raise ConfigError(f"{what} needs {', '.join(missing)} too, got {', '.join(options) or 'nothing'}")
