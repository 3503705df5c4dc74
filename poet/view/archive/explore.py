"""An archive as an interactive page: one HTML file with its own pictures, for a notebook or a browser.

It needs no kernel, no server and no network, so it works in a saved notebook. The pointer over a cell shows the facts
about its elite, a click shows its picture. Videos of agents and drawings of solutions are made in advance for elites
that are far apart; a click on any other elite shows the nearest of them.
"""

from __future__ import annotations

import base64
import html
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.errors import ConfigError, ContractError
from poet.view.archive import cells, colours, maps
from poet.view.archive.gallery import find_renderer
from poet.view.plugins import try_picture
from poet.view.style import write_file

if TYPE_CHECKING:
    from poet.view.archive.elites import Elites
    from poet.view.archive.run import ArchiveRun

SUFFIX = ".html"
SIZE, MARGIN = 460, 46  # of the map, pixels
MAX_ELITES = 20_000
MAX_VIDEO_BYTES = 250_000


class Page:
    """An HTML page that a notebook shows in a frame."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Page({len(self.text) / 1e3:.0f} kB)"

    def _repr_html_(self) -> str:
        escaped = html.escape(self.text, quote=True)
        return (
            f'<iframe srcdoc="{escaped}" width="100%" height="{SIZE + 2 * MARGIN + 30}" style="border:none" '
            'sandbox="allow-scripts" title="archive"></iframe>'
        )

    def save(self, path: str | Path) -> Path:
        """Write the page as a file for a browser; returns its path. Raises `ConfigError` unless it ends in ".html"."""
        check_suffix(path)
        write_file(Path(path), self.text.encode())
        return Path(path)


def check_suffix(path: str | Path) -> None:
    """Raise `ConfigError` unless a file name ends in ".html"."""
    if Path(path).suffix.lower() != SUFFIX:
        raise ConfigError(f"a page is written as HTML: expected a file name that ends in {SUFFIX}, got {str(path)!r}")


def page_text(run: ArchiveRun, num_pictures: int = 16) -> str:
    """The page as HTML.

    `num_pictures` is the number of elites with a video or a drawing; 0 for none. Agents get a video, solutions of a
    problem a drawing; where the generator has no `render` and the problem no `draw` there are no pictures. Raises
    `RunError` while there is no elite, and `ConfigError` if there are too many for a page.
    """
    elites = run.archive()
    elites.best()
    shapes, axes = _shapes(elites)
    chosen = elites.select_distant(num_pictures)
    pictures = {row: picture for row in chosen if (picture := _picture(run, row)) is not None}
    colouring = colours.colour_by_fitness(elites)
    rgb = (255 * colours.elite_colours(colouring)[:, :3]).round().astype(int)
    data = {
        "shapes": shapes,
        "colours": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in rgb],
        "fitness": _rounded(elites.columns["fitness"]),
        "descriptors": [_rounded(descriptor) for descriptor in np.asarray(elites.columns["descriptor"])],
        "ids": np.asarray(elites.columns["id"]).tolist(),
        "emitter": [int(emitter) for emitter in elites.columns["emitter"]],
        "emitters": run.emitters(),
        "initial": colours.INITIAL,
        "names": list(elites.names),
        "scale": [1 / (high - low) for low, high in elites.spec["bounds"]],
        "pictures": pictures,
        "axes": axes,
        "size": SIZE,
        "margin": MARGIN,
        "first": elites.best(),
    }
    title = html.escape(f"{run.name}: {elites.describe()}")
    template = Path(__file__).with_name("explore.html").read_text()
    ends = f"{colouring.low:.4g},{colouring.high:.4g}"
    script = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    return template.replace("{{title}}", title).replace("{{ends}}", ends).replace("{{data}}", script)


def _rounded(values: Any) -> list[float]:
    return [float(f"{value:.4g}") for value in np.asarray(values, float)]


def _shapes(elites: Elites) -> tuple[list[list[int]], dict[str, Any]]:
    """Each elite as corners in pixels, or as a point if the archive has no cells in the plane; and the axes."""
    if len(elites) > MAX_ELITES:
        raise ConfigError(f"a page holds {MAX_ELITES} elites, the archive has {len(elites)}: use its heat map")
    one_dimensional = len(elites.names) == 1
    points = np.asarray(elites.columns["descriptor"], float)[:, :2]
    limits = maps.shown_bounds(elites)[:2]
    if one_dimensional:
        values = np.asarray(elites.columns["fitness"], float)
        points = np.stack([points[:, 0], values], axis=1)
        limits = np.stack([limits[0], [values.min(), values.max() if np.ptp(values) else values.min() + 1]])
    low, high = limits.T

    def to_pixels(corners: np.ndarray) -> list[int]:
        share = (corners - low) / (high - low)
        share[..., 1] = 1 - share[..., 1]
        return (MARGIN + SIZE * share).round(1).ravel().tolist()

    if len(elites.names) == 2 and cells.geometry(elites.spec) != "points":
        polygons = cells.cell_polygons(elites.spec, np.asarray(elites.columns["cell"]))
        shapes = [to_pixels(corners) for corners in polygons]
    else:
        shapes = [to_pixels(point) for point in points]
    names = [elites.names[0], "fitness" if one_dimensional else elites.names[1]]
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
