"""An archive to point and click at: one HTML page with its own pictures, for a notebook or a browser.

It needs no kernel, no server and no network, so it works in a saved notebook. Pointing at a cell tells its elite;
clicking shows it. Films of agents and drawings of solutions are made beforehand for elites that lie far apart; a click
on any other elite shows the nearest of these.
"""

from __future__ import annotations

import base64
import html
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from poet.errors import ConfigError
from poet.view.archive import cells, maps
from poet.view.archive.gallery import painter
from poet.view.style import write

if TYPE_CHECKING:
    from poet.view.archive.elites import Elites
    from poet.view.archive.open import ArchiveRun

SIZE, MARGIN = 460, 46  # of the map, pixels
MAX_SHAPES = 20_000  # elites on a page
FILM_BYTES = 250_000


class Page:
    """An HTML page that a notebook shows in a frame of its own."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        inner = html.escape(self.text, quote=True)
        return (
            f'<iframe srcdoc="{inner}" width="100%" height="{SIZE + 2 * MARGIN + 30}" style="border:none" '
            'sandbox="allow-scripts" title="archive"></iframe>'
        )

    def save(self, path: str | Path) -> Path:
        """Write the page as a file for a browser; returns its path."""
        write(Path(path), self.text.encode())
        return Path(path)


def page(run: ArchiveRun, films: int = 16) -> str:
    """The page as text.

    `films` says of how many elites to make a film or a drawing; 0 for none. Solutions of a problem are drawn, agents
    are filmed; those of a generator without `render` have neither. Raises `RunError` while there is no elite.
    """
    elites = run.archive()
    elites.best()
    shapes, axes = _shapes(elites)
    chosen = elites.spread(films)
    pictures = {row: picture for row in chosen if (picture := _picture(run, row)) is not None}
    paint = maps.fitness(elites)
    shades = (255 * maps.shades(paint)[:, :3]).round().astype(int)
    data = {
        "shapes": shapes,
        "shades": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in shades],
        "fitness": _short(elites.columns["fitness"]),
        "places": [_short(place) for place in np.asarray(elites.columns["descriptor"])],
        "made": np.asarray(elites.columns["id"]).tolist(),
        "by": [int(emitter) for emitter in elites.columns["emitter"]],
        "emitters": run.emitters(),
        "names": list(elites.names),
        "scale": [1 / (high - low) for low, high in elites.spec["bounds"]],
        "pictures": pictures,
        "axes": axes,
        "size": SIZE,
        "margin": MARGIN,
        "first": elites.best(),
    }
    title = html.escape(f"{run.name}: {elites!r}".replace("Elites(", "").removesuffix(")"))
    template = Path(__file__).with_name("explore.html").read_text()
    ends = f"{paint.low:.4g},{paint.high:.4g}"
    script = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    return template.replace("{{title}}", title).replace("{{ends}}", ends).replace("{{data}}", script)


def _short(values: Any) -> list[float]:
    return [float(f"{value:.4g}") for value in np.asarray(values, float)]


def _shapes(elites: Elites) -> tuple[list[list[int]], dict[str, Any]]:
    """Each elite as corners in pixels, or as a point where the archive has no cells in the plane; and the axes."""
    if len(elites) > MAX_SHAPES:
        raise ConfigError(f"a page holds {MAX_SHAPES} elites, the archive has {len(elites)}: use its heat map")
    flat = len(elites.names) == 1
    points = np.asarray(elites.columns["descriptor"], float)[:, :2]
    bounds = maps.window(elites)[:2]
    if flat:
        values = np.asarray(elites.columns["fitness"], float)
        points = np.stack([points[:, 0], values], axis=1)
        bounds = np.stack([bounds[0], [values.min(), values.max() if np.ptp(values) else values.min() + 1]])
    low, high = bounds.T

    def pixels(place: np.ndarray) -> list[int]:
        share = (place - low) / (high - low)
        share[..., 1] = 1 - share[..., 1]
        return (MARGIN + SIZE * share).round(1).ravel().tolist()

    if len(elites.names) == 2 and elites.spec["kind"] in ("grid", "cvt"):
        shapes = [pixels(corner) for corner in cells.corners(elites.spec, np.asarray(elites.columns["cell"]))]
    else:
        shapes = [pixels(point) for point in points]
    names = [elites.names[0], "fitness" if flat else elites.names[1]]
    return shapes, {"names": names, "low": _short(low), "high": _short(high)}


def _picture(run: ArchiveRun, row: int) -> str | None:
    """The elite's film, else its drawing, as a data URI; None where it has neither."""
    from PIL import Image

    try:
        from poet.view.video import film

        return _uri("image/gif", film(run, row, width=360, max_bytes=FILM_BYTES))
    except ConfigError:
        paint = painter(run)
    if paint is None:
        return None
    file = io.BytesIO()
    Image.fromarray(np.asarray(paint(row))).resize((360, 360)).quantize(64).save(file, "PNG")
    return _uri("image/png", file.getvalue())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
