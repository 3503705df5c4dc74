"""Config classes of archives and their registry; imports no jax.

Derive a frozen dataclass from `ArchiveConfig`; in a separate package it is found by an entry point in the group
`poet.archives`.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from poet.archives.layout import grid_layout, layout
from poet.configs import to_dict
from poet.errors import ConfigError, ContractError, unknown
from poet.registry import PluginConfig, Registry
from poet.typed_config import check_value

if TYPE_CHECKING:
    from poet.archives.base import Archive
    from poet.archives.thresholds import ThresholdRule

OutOfBounds = Literal["clip", "reject"]
Bounds = Sequence[Sequence[float]]  # (low, high) of each coordinate of the descriptor


@dataclasses.dataclass(frozen=True)
class ArchiveConfig(PluginConfig):
    """Base of the configs of archives: the options of an archive without the bounds, which the problem provides.

    Subclasses set `id`, add fields with defaults, and define `spec` and `from_spec`.
    """

    def spec(self, bounds: Bounds) -> dict[str, Any]:
        """The JSON-ready spec of the archive for descriptors within `bounds`; see `poet.archives.layout`.

        Raises `ConfigError` where the options do not fit the bounds.
        """
        raise ContractError(f"{type(self).__name__} must define spec(self, bounds) -> dict")

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Archive:
        """The archive of a spec, which is from `spec` or from an `Archive`; "id" and "layout" in it change nothing.

        Import jax here, not at the top of the module that holds the config.
        Raises `ConfigError` for unknown, missing or impossible options.
        """
        raise ContractError(f"{cls.__name__} must define from_spec(cls, spec) -> Archive")

    def make(self, bounds: Bounds) -> Archive:
        """The archive with these options for descriptors within `bounds`: (low, high) of each of the D coordinates.

        Raises `ConfigError` where options and bounds are impossible.

        >>> archive = GridConfig(shape=(20, 20)).make([(-1, 1), (-1, 1)])
        >>> archive.spec["layout"]
        {'cells': 400, 'rows_per_cell': 1, 'geometry': 'grid'}
        """
        return self.from_spec(self.spec(bounds))


@dataclasses.dataclass(frozen=True)
class GridConfig(ArchiveConfig):
    """A grid of equal cells, one elite per cell."""

    id: ClassVar[str] = "grid"

    shape: tuple[int, ...] = (100, 100)  # cells along each coordinate; a single number applies to all coordinates
    out_of_bounds: OutOfBounds = "clip"  # move descriptors outside the bounds to the bounds, or reject their entries
    learning_rate: float | None = None  # of the acceptance thresholds of CMA-MAE; None for no thresholds
    threshold_min: float = 0.0  # initial value of the acceptance thresholds
    tie_break: tuple[str, ...] = ()  # extra fields that decide between equally fit entries: the smaller value wins

    def __post_init__(self) -> None:
        _check_shape(self.shape)

    def spec(self, bounds: Bounds) -> dict[str, Any]:
        """The spec of the grid. Raises `ConfigError` where the shape has another number of coordinates."""
        pairs = _pairs(bounds)
        shape = _shape_for(self.shape, len(pairs))
        return {
            "id": self.id,
            "shape": shape,
            "bounds": pairs,
            "out_of_bounds": self.out_of_bounds,
            "thresholds": _thresholds(self.learning_rate, self.threshold_min),
            "tie_break": list(self.tie_break),
            "layout": grid_layout(shape),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Archive:
        """The grid of a spec. Raises `ConfigError` for unknown, missing or impossible options."""
        from poet.archives.grid import grid

        return _call(cls.id, grid, spec, thresholds=_threshold_rule(spec))


@dataclasses.dataclass(frozen=True)
class CVTConfig(ArchiveConfig):
    """Cells around evenly spread centroids, one elite per cell."""

    id: ClassVar[str] = "cvt"

    num_cells: int = 10_000  # number of cells
    seed: int = 0  # random seed of the centroids
    samples: int = 100_000  # uniform samples whose k-means are the centroids; the more, the more even the cells
    out_of_bounds: OutOfBounds = "clip"  # move descriptors outside the bounds to the bounds, or reject their entries
    learning_rate: float | None = None  # of the acceptance thresholds of CMA-MAE; None for no thresholds
    threshold_min: float = 0.0  # initial value of the acceptance thresholds
    tie_break: tuple[str, ...] = ()  # extra fields that decide between equally fit entries: the smaller value wins

    def __post_init__(self) -> None:
        _check_positive(self, "num_cells")
        if self.samples < self.num_cells:
            raise ConfigError(
                f"archive.samples expects at least as many as archive.num_cells {self.num_cells}, got {self.samples}"
            )

    def spec(self, bounds: Bounds) -> dict[str, Any]:
        """The spec of the archive; its centroids follow from the seed."""
        return {
            "id": self.id,
            "num_cells": self.num_cells,
            "bounds": _pairs(bounds),
            "seed": self.seed,
            "samples": self.samples,
            "out_of_bounds": self.out_of_bounds,
            "thresholds": _thresholds(self.learning_rate, self.threshold_min),
            "tie_break": list(self.tie_break),
            "layout": layout(self.num_cells, "centroids"),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Archive:
        """The archive of a spec. Raises `ConfigError` for unknown, missing or impossible options."""
        from poet.archives.cvt import cvt

        return _call(cls.id, cvt, spec, thresholds=_threshold_rule(spec))


@dataclasses.dataclass(frozen=True)
class UnstructuredConfig(ArchiveConfig):
    """Elites with a minimum distance between them, without cells."""

    id: ClassVar[str] = "unstructured"

    capacity: int = 10_000  # maximum number of elites
    min_distance: float = 0.05  # minimum distance between two elites
    out_of_bounds: OutOfBounds = "clip"  # move descriptors outside the bounds to the bounds, or reject their entries

    def __post_init__(self) -> None:
        _check_positive(self, "capacity")

    def spec(self, bounds: Bounds) -> dict[str, Any]:
        """The spec of the archive."""
        return {
            "id": self.id,
            "capacity": self.capacity,
            "bounds": _pairs(bounds),
            "min_distance": self.min_distance,
            "out_of_bounds": self.out_of_bounds,
            "layout": layout(self.capacity, "points"),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Archive:
        """The archive of a spec. Raises `ConfigError` for unknown, missing or impossible options."""
        from poet.archives.unstructured import unstructured

        return _call(cls.id, unstructured, spec)


@dataclasses.dataclass(frozen=True)
class ParetoConfig(ArchiveConfig):
    """A grid of equal cells, a Pareto front of several objectives in each cell."""

    id: ClassVar[str] = "pareto"

    shape: tuple[int, ...] = (100, 100)  # cells along each coordinate; a single number applies to all coordinates
    front_size: int = 8  # maximum number of elites in a cell
    num_objectives: int = 2  # the number that the problem has
    out_of_bounds: OutOfBounds = "clip"  # move descriptors outside the bounds to the bounds, or reject their entries

    def __post_init__(self) -> None:
        _check_shape(self.shape)
        _check_positive(self, "front_size", "num_objectives")

    def spec(self, bounds: Bounds) -> dict[str, Any]:
        """The spec of the archive. Raises `ConfigError` where the shape has another number of coordinates."""
        pairs = _pairs(bounds)
        shape = _shape_for(self.shape, len(pairs))
        return {
            "id": self.id,
            "shape": shape,
            "bounds": pairs,
            "front_size": self.front_size,
            "num_objectives": self.num_objectives,
            "out_of_bounds": self.out_of_bounds,
            "layout": grid_layout(shape, self.front_size),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Archive:
        """The archive of a spec. Raises `ConfigError` for unknown, missing or impossible options."""
        from poet.archives.pareto import pareto

        return _call(cls.id, pareto, spec)


@dataclasses.dataclass(frozen=True)
class BufferConfig(ArchiveConfig):
    """The fittest entries, whatever their descriptors; it needs none."""

    id: ClassVar[str] = "buffer"

    capacity: int = 4000  # maximum number of elites
    out_of_bounds: OutOfBounds = "clip"  # move descriptors outside the bounds to the bounds, or reject their entries
    tie_break: tuple[str, ...] = ()  # extra fields that decide between equally fit entries: the smaller value wins

    def __post_init__(self) -> None:
        _check_positive(self, "capacity")

    def spec(self, bounds: Bounds = ()) -> dict[str, Any]:
        """The spec of the buffer; without bounds its entries have no descriptors."""
        return {
            "id": self.id,
            "capacity": self.capacity,
            "bounds": _pairs(bounds) if len(bounds) else [],
            "out_of_bounds": self.out_of_bounds,
            "tie_break": list(self.tie_break),
            "layout": layout(self.capacity, "points"),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Archive:
        """The buffer of a spec. Raises `ConfigError` for unknown, missing or impossible options."""
        from poet.archives.buffer import buffer

        return _call(cls.id, buffer, spec)

    def make(self, bounds: Bounds = ()) -> Archive:
        """The buffer, for entries with descriptors within `bounds`, or without descriptors.

        >>> BufferConfig(capacity=100).make().spec["bounds"]
        []
        """
        return self.from_spec(self.spec(bounds))


@dataclasses.dataclass(frozen=True)
class CellsConfig(ArchiveConfig):
    """A grid whose cells get a row when they are first met, so that it may have far more cells than rows."""

    id: ClassVar[str] = "cells"

    shape: tuple[int, ...] = (1000,)  # cells along each coordinate; a single number applies to all coordinates
    capacity: int = 10_000  # number of rows; later cells are not stored
    out_of_bounds: OutOfBounds = "clip"  # move descriptors outside the bounds to the bounds, or reject their entries
    tie_break: tuple[str, ...] = ()  # extra fields that decide between equally fit entries: the smaller value wins

    def __post_init__(self) -> None:
        _check_shape(self.shape)
        _check_positive(self, "capacity")

    def spec(self, bounds: Bounds) -> dict[str, Any]:
        """The spec of the archive. Raises `ConfigError` where the shape has another number of coordinates."""
        pairs = _pairs(bounds)
        return {
            "id": self.id,
            "shape": _shape_for(self.shape, len(pairs)),
            "bounds": pairs,
            "capacity": self.capacity,
            "out_of_bounds": self.out_of_bounds,
            "tie_break": list(self.tie_break),
            "layout": layout(self.capacity, "other"),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Archive:
        """The archive of a spec. Raises `ConfigError` for unknown, missing or impossible options."""
        from poet.archives.cells import cells

        return _call(cls.id, cells, spec)


archives: Registry[type[ArchiveConfig]] = Registry("archive", ArchiveConfig)


def make(spec: Mapping[str, Any]) -> Archive:
    """The archive of a spec: its "id" names the config class, of this project or of another package.

    Raises `ConfigError` for an unknown id and for unknown, missing or impossible options.

    >>> archive = make({"id": "grid", "shape": [20, 20], "bounds": [[-1, 1], [-1, 1]]})
    >>> make(archive.spec).spec == archive.spec
    True
    """
    id = check_value("the spec of an archive", Mapping, spec).get("id")
    if not isinstance(id, str):
        raise ConfigError(f"expected a spec with the id of an archive, as in 'grid'; got id {id!r}")
    kind = archives.get(id)
    options = {field.name: spec[field.name] for field in dataclasses.fields(kind) if field.name in spec}
    tuples = {name: tuple(value) for name, value in options.items() if isinstance(value, list)}  # JSON has none
    checked = to_dict(kind(**options | tuples))
    return kind.from_spec({**spec, **{name: checked[name] for name in options}})


def _check_positive(config: ArchiveConfig, *names: str) -> None:
    for name in names:
        if getattr(config, name) < 1:
            raise ConfigError(f"archive.{name} expects at least 1, got {getattr(config, name)}")


def _check_shape(shape: tuple[int, ...]) -> None:
    if not shape or min(shape) < 1:
        raise ConfigError(f"archive.shape expects one or more numbers of cells, each at least 1, got {shape}")


def _shape_for(shape: tuple[int, ...], num_coordinates: int) -> list[int]:
    cells = list(shape) * num_coordinates if len(shape) == 1 else list(shape)
    if len(cells) != num_coordinates:
        raise ConfigError(
            f"archive.shape {shape} is for {len(cells)} coordinates, but descriptors have {num_coordinates}"
        )
    return cells


def _pairs(bounds: Bounds) -> list[list[float]]:
    try:
        pairs = [list(map(float, pair)) for pair in bounds]
    except (TypeError, ValueError):
        pairs = []
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise ConfigError(
            f"bounds expects a pair (low, high) for each coordinate of the descriptor, got {bounds!r:.200}"
        )
    return pairs


def _thresholds(learning_rate: float | None, threshold_min: float) -> dict[str, float] | None:
    """The "thresholds" of a spec."""
    return None if learning_rate is None else {"threshold_min": threshold_min, "learning_rate": learning_rate}


def _threshold_rule(spec: Mapping[str, Any]) -> ThresholdRule | None:
    if spec.get("thresholds") is None:
        return None
    from poet.archives.thresholds import ThresholdRule

    _check_options("thresholds", ThresholdRule, spec["thresholds"])
    return ThresholdRule(**spec["thresholds"])


def _call(id: str, factory: Callable[..., Archive], spec: Mapping[str, Any], **parsed: Any) -> Archive:
    """What a factory makes of the options in a spec; `parsed` replaces options that JSON cannot hold."""
    options = {name: value for name, value in spec.items() if name not in ("id", "layout")}
    _check_options(id, factory, options)
    return factory(**{**options, **parsed})


def _check_options(owner: str, factory: Callable[..., Any], options: Mapping[str, Any]) -> None:
    parameters = inspect.signature(factory).parameters
    for name in options:
        if name not in parameters:
            raise unknown(f"option of {owner}", name, parameters)
    missing = [name for name, each in parameters.items() if each.default is each.empty and name not in options]
    if missing:
        raise ConfigError(f"{owner} needs {', '.join(missing)}; got only {', '.join(options) or 'nothing'}")
