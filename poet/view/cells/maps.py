"""Maps of cells: a value of each cell as a colour at its place, and cells of frames as small grey pictures.

Axes: M cells, D coordinates, R C rows and columns of a picture.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from poet.archives.layout import grid_layout
from poet.runs.read import Record
from poet.view import plots, tiles
from poet.view.archive import maps
from poet.view.archive.colours import Colouring, colour_by_fitness
from poet.view.archive.elites import Elites
from poet.view.cells.positions import parts_in_use, positions
from poet.view.style import show_message
from poet.view.tiles import Shape, Tile

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from poet.view.cells.run import CellsRun

MAX_COORDINATES = 8  # of cells that are shown by their coordinates
MAX_GRID = 2**20  # parts of a map that is drawn as a grid
MARGIN = 0.05  # around points, as a fraction of a range
MAX_PICTURES, PICTURE_WIDTH = 12, 2.5  # the second in inches
MET = "order in which cells were met"
# column of the cells -> label of its colours
COLUMNS = {
    "fitness": "score of the best way",
    "extra.length": "steps of the best way",
    "extra.seen": "rollouts that entered",
    MET: MET,
}


def colour_by(cells: Elites, column: str) -> Colouring:
    """One of `COLUMNS` as colours."""
    if column == "fitness":
        return colour_by_fitness(cells)._replace(label=COLUMNS[column])
    values = np.arange(len(cells), dtype=float) if column == MET else np.asarray(cells.columns[column], float)
    return Colouring(values, COLUMNS[column], float(values.min(initial=0)), float(values.max(initial=1)))


def draw_map(part: Figure | SubFigure, cells: Elites | None, colouring: Colouring | None = None) -> None:
    """A map of cells, by default by score; or a sentence that says why there is none. Names have no colour bar."""
    if cells is None or len(cells.names) > MAX_COORDINATES:
        return show_message(part.subplots(), maps.NO_SNAPSHOT if cells is None else too_many(cells))
    colouring = colouring or colour_by(cells, "fitness")
    shown, limits = for_map(cells)
    maps.draw_map(part, shown, colouring, limits=limits, colour_bar=not colouring.names)
    return None


def num_panels(cells: Elites) -> int:
    """How many panels a map has: one for two coordinates or fewer, otherwise one for each pair of at most four."""
    return max(math.comb(min(len(for_map(cells)[0].names), 4), 2), 1)


def too_many(cells: Elites) -> str:
    """Why there is no map of cells with many coordinates."""
    return f"The cells have {len(cells.names)} coordinates,\ntoo many for a map."


def for_map(cells: Elites) -> tuple[Elites, np.ndarray]:
    """Cells with the coordinates that a map shows, and the limits of these f64[D, 2].

    Of three or more coordinates, those that are the same in all cells are left out, and x and y come first. Cells of
    one or two coordinates are drawn as a grid. Cells of more are points at their states, with a margin around them.
    """
    place = positions(cells.spec, cells.points())
    kept = list(range(len(cells.names)))
    if len(kept) > 2 and (place != place[:1]).any():
        kept = [d for d in kept if (place[:, d] != place[0, d]).any()]
        kept.sort(key=lambda d: cells.names[d] not in ("x", "y"))
    spec = {**cells.spec, **{name: [cells.spec[name][d] for d in kept] for name in ("shape", "bounds")}}
    columns = {**cells.columns, "descriptor": cells.points()[:, kept]}
    limits = parts_in_use(spec, place[:, kept], narrow=0.5 if len(cells.names) < 3 else 1.0)
    if len(kept) < 3 and math.prod(spec["shape"]) <= MAX_GRID:
        spec["layout"] = grid_layout(spec["shape"])
        columns["cell"] = np.asarray(np.ravel_multi_index(tuple(place[:, kept].T), spec["shape"]))
    else:
        limits = limits + np.array([-MARGIN, MARGIN]) * (limits[:, 1:] - limits[:, :1])
    meta = {**cells.meta, "spec": spec, "descriptor_names": [cells.names[d] for d in kept]}
    return Elites(Record(meta, columns)), limits


def picture_places(names: tuple[str, ...]) -> np.ndarray | None:
    """Which coordinate is where in a picture, i64[R, C], by names like "grey 0 3"; None for other names."""
    found = [re.fullmatch(r"grey (\d+) (\d+)", name) for name in names]
    places = {(int(one[1]), int(one[2])): number for number, one in enumerate(found) if one}
    rows, columns = (max(numbers, default=-1) + 1 for numbers in ([r for r, _ in places], [c for _, c in places]))
    if not names or len(places) != len(names) or rows * columns != len(names):
        return None
    return np.array([[places[row, column] for column in range(columns)] for row in range(rows)])


def grey_pictures(run: CellsRun, cells: Elites, places: np.ndarray) -> Figure:
    """The cells with the best scores as pictures of their shades; the brightest one is white."""
    best = run.best_cells(MAX_PICTURES)
    place = positions(cells.spec, cells.points()[best])
    shades = (place * 255 // max(place.max(), 1)).astype(np.uint8)[:, places]
    score, steps = cells.columns["fitness"], cells.columns["extra.length"]
    shown = [
        Tile(np.stack([picture] * 3, axis=2), f"cell {row}", f"score {score[row]:.4g}, {steps[row]} steps")
        for row, picture in zip(best, shades, strict=True)
    ]
    title = f"{plots.title(run)}\n{len(shown)} of {len(cells)} cells: those with the best scores"
    return tiles.gallery(shown, Shape(places.shape[0] / places.shape[1], PICTURE_WIDTH), title)
