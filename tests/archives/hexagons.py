"""A complete archive as another package would define it: hexagonal cells, built on the public factory `cvt`.

A package would declare an entry point in the group `poet.archives` instead of calling `register`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from poet.archives.base import Archive
from poet.archives.config import ArchiveConfig, Bounds, OutOfBounds
from poet.archives.layout import layout
from poet.registry import register


@register
@dataclasses.dataclass(frozen=True)
class HexagonConfig(ArchiveConfig):
    """Hexagonal cells over two coordinates."""

    id: ClassVar[str] = "test-hexagons"

    num_lines: int = 3
    num_per_line: int = 4
    out_of_bounds: OutOfBounds = "clip"

    def spec(self, bounds: Bounds) -> dict[str, Any]:
        (low_x, high_x), (low_y, high_y) = bounds
        centroids = [
            [
                low_x + (high_x - low_x) * (column + 0.25 + 0.5 * (line % 2)) / self.num_per_line,
                low_y + (high_y - low_y) * (line + 0.5) / self.num_lines,
            ]
            for line in range(self.num_lines)
            for column in range(self.num_per_line)
        ]
        return {
            "id": self.id,
            "bounds": [list(pair) for pair in bounds],
            "centroids": centroids,
            "out_of_bounds": self.out_of_bounds,
            "layout": layout(len(centroids), "centroids"),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Archive:
        from poet.archives.cvt import cvt

        centroids = spec["centroids"]
        archive = cvt(len(centroids), spec["bounds"], centroids=centroids, out_of_bounds=spec["out_of_bounds"])
        return archive._replace(spec=dict(spec))
