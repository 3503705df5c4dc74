"""An archive as an interactive page: one HTML file with its own pictures, for a notebook or a browser.

It needs no kernel, no server and no network, so it works in a saved notebook. The pointer over a cell shows the facts
about its elite, a click shows its picture, a slider shows earlier snapshots, and the map can be zoomed. Videos of
agents and drawings of solutions are made in advance for elites that are far apart; a click on any other elite shows the
nearest of them.

Texts of a run reach the page as JSON, which its script shows as text. A policy in the page allows this script alone.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from poet.errors import ConfigError, ContractError
from poet.view.archive import cells, colours, maps
from poet.view.archive.gallery import find_renderer
from poet.view.plugins import try_picture
from poet.view.style import require_suffix, write_file

if TYPE_CHECKING:
    from poet.view.archive.elites import Elites
    from poet.view.archive.run import ArchiveRun

SUFFIX = ".html"
SIZE, MARGIN = 460, 46  # of the map, pixels
MAX_ELITES = 20_000
MAX_DESCRIBED = 2000
MAX_SNAPSHOTS = 12
MAX_VIDEO_BYTES = 250_000
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{}'"


class Page:
    """An HTML page that a notebook shows in a frame."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Page({len(self.text) / 1e3:.0f} kB)"

    def _repr_html_(self) -> str:
        escaped = html.escape(self.text, quote=True)
        return (
            f'<iframe srcdoc="{escaped}" width="100%" height="{SIZE + 2 * MARGIN + 130}" style="border:none" '
            'sandbox="allow-scripts" title="archive"></iframe>'
        )

    def save(self, path: str | Path) -> Path:
        """Write the page as a file for a browser; returns its path. Raises `ConfigError` unless it ends in ".html"."""
        file = require_suffix(path, SUFFIX, "a page")
        write_file(file, self.text.encode())
        return file


def page_text(run: ArchiveRun, num_pictures: int = 16) -> str:
    """The page as HTML.

    `num_pictures` is the number of elites with a video or a drawing; 0 for none. Agents get a video, solutions of a
    problem a drawing; where the generator has no `render` and the problem no `draw` there are no pictures. Raises
    `RunError` while there is no elite, and `ConfigError` if there are too many for a page.
    """
    newest = run.archive()
    newest.best()
    if len(newest) > MAX_ELITES:
        raise ConfigError(f"a page holds {MAX_ELITES} elites, the archive has {len(newest)}: use its heat map")
    members, snapshots = _collect(run)
    shapes, axes = _shapes(newest, members)
    chosen = newest.select_distant(num_pictures)
    colouring = colours.colour_by_fitness(newest)
    rgb = (255 * colours.elite_colours(colouring._replace(values=members.fitness))[:, :3]).round().astype(int)
    makers = [colours.emitter_name(run.emitters(), number) for number in members.emitter]
    emitters = list(dict.fromkeys(makers))
    data = {
        "shapes": shapes,
        "colours": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in rgb],
        "fitness": _rounded(members.fitness),
        "descriptors": [_rounded(descriptor) for descriptor in members.descriptor],
        "ids": members.ids,
        "emitter": [emitters.index(maker) for maker in makers],
        "emitters": emitters,
        "descriptions": _descriptions(run, chosen),
        "newest": len(newest),
        "snapshots": snapshots,
        "names": list(newest.names),
        "scale": _rounded([1 / (high - low) for low, high in newest.spec["bounds"]]),
        "pictures": {row: picture for row in chosen if (picture := _picture(run, row)) is not None},
        "axes": axes,
        "size": SIZE,
        "margin": MARGIN,
        "ends": _rounded([colouring.low, colouring.high]),
        "first": newest.best(),
    }
    return _fill_template(f"{run.name}: {newest.describe()}", data)


def _fill_template(title: str, data: dict[str, Any]) -> str:
    template = Path(__file__).with_name("explore.html").read_text()
    script = re.findall(r"<script>(.*?)</script>", template, re.DOTALL)[0]
    # Of what ends a script element or begins a comment in it nothing is left.
    signs = {sign: f"\\u{ord(sign):04x}" for sign in "<>&"}
    values = {
        "title": html.escape(title.encode(errors="replace").decode()),
        "policy": _POLICY.format(base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()),
        "data": json.dumps(data, allow_nan=False, separators=(",", ":")).translate(str.maketrans(signs)),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: values[place[1]], template)  # once: values are not searched again


def _rounded(values: Any) -> list[float | None]:
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in np.asarray(values, float)]


class _Members(NamedTuple):
    """The K different elites of all snapshots on the page, those of the newest first and in their order.

    Attributes:
      fitness: f64[K].
      descriptor: f64[K, D].
      cell: i64[K].
      emitter: its number; of a damaged record also a text.
      ids: texts.
    """

    fitness: np.ndarray
    descriptor: np.ndarray
    cell: np.ndarray
    emitter: list[Any]
    ids: list[str]


def _collect(run: ArchiveRun) -> tuple[_Members, list[dict[str, Any]]]:
    """The elites of up to 12 snapshots; and of each, oldest first, its iteration and the places of its elites."""
    *earlier, newest = run.snapshots(MAX_SNAPSHOTS)
    rows = _rows(run.archive(newest))
    snapshots = [{"iteration": newest, "elites": list(range(len(rows)))}]
    places = {row: place for place, row in enumerate(rows)}
    for time in reversed(earlier):
        found = _rows(run.archive(time))
        new = [row for row in dict.fromkeys(found) if row not in places]
        if len(rows) + len(new) > MAX_ELITES:
            break
        places |= {row: len(rows) + place for place, row in enumerate(new)}
        rows += new
        snapshots.insert(0, {"iteration": time, "elites": [places[row] for row in found]})
    fitness, descriptor, cell, emitter, ids = zip(*rows, strict=True)
    members = _Members(np.array(fitness), np.array(descriptor), np.array(cell), list(emitter), list(ids))
    return members, snapshots


def _rows(elites: Elites) -> list[tuple[Any, ...]]:
    """An elite in each row: fitness, descriptor, cell, emitter, id; equal for the same elite in another snapshot."""
    columns = elites.columns
    ids = [":".join(map(str, np.ravel(id))) for id in columns["id"].tolist()]
    descriptor = map(tuple, np.asarray(columns["descriptor"], float).tolist())
    fitness = np.asarray(columns["fitness"], float).tolist()
    return list(zip(fitness, descriptor, columns["cell"].tolist(), columns["emitter"].tolist(), ids, strict=True))


def _descriptions(run: ArchiveRun, chosen: list[int]) -> dict[int, str]:
    """Descriptions of the environments of elites, by row: of all, or where they are many of those that are chosen."""
    rows = range(len(run.archive())) if len(run.archive()) <= MAX_DESCRIBED else chosen
    return {row: text for row in rows if (text := run.caption(row).environment)}


def _shapes(newest: Elites, members: _Members) -> tuple[list[list[float | None]], dict[str, Any]]:
    """Each elite as corners in pixels, or as a point if the archive has no cells in the plane; and the axes."""
    one_dimensional = len(newest.names) == 1
    points = members.descriptor[:, :2]
    limits = maps.shown_bounds(newest)[:2]
    if one_dimensional:
        values = members.fitness
        points = np.stack([points[:, 0], values], axis=1)
        limits = np.stack([limits[0], [values.min(), values.max() if np.ptp(values) else values.min() + 1]])
    low, high = limits.T

    def to_pixels(corners: np.ndarray) -> list[float | None]:
        share = (corners - low) / (high - low)
        share[..., 1] = 1 - share[..., 1]
        pixels = (SIZE * share).round(1).ravel()
        return [float(value) if np.isfinite(value) else None for value in pixels]

    if len(newest.names) == 2 and cells.geometry(newest.spec) != "points":
        shapes = [to_pixels(corners) for corners in cells.cell_polygons(newest.spec, members.cell)]
    else:
        shapes = [to_pixels(point) for point in points]
    names = [newest.names[0], "fitness" if one_dimensional else newest.names[1]]
    return shapes, {"names": names, "low": _rounded(low), "high": _rounded(high)}


def _picture(run: ArchiveRun, row: int) -> str | None:
    """A video of the elite, otherwise its drawing, as a data URI; None if it has neither."""
    from PIL import Image, ImageOps

    try:
        from poet.view.video import render_gif

        return _data_uri("image/gif", render_gif(run, row, width=360, max_bytes=MAX_VIDEO_BYTES))
    except ConfigError:
        render = find_renderer(run)
    except ContractError as error:
        run.failures.append(str(error))
        return None
    picture = None if render is None else try_picture(run, render, row)
    if not isinstance(picture, np.ndarray):
        return None
    buffer = io.BytesIO()
    ImageOps.contain(Image.fromarray(picture), (360, 360)).quantize(64).save(buffer, "PNG")
    return _data_uri("image/png", buffer.getvalue())


def _data_uri(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
