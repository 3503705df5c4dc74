"""Figures of any run: its headline metrics over iterations; and how a figure of any kind is drawn and written.

Colours are those of Okabe and Ito, viridis and blues, which people with colour blindness can distinguish. A figure of
a run without data is a message that says so.
"""

from __future__ import annotations

import io
import math
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poet.activity import doing
from poet.errors import ConfigError, PoetError, named_errors, unknown
from poet.files import checked_path
from poet.view.style import BLUE, INK, new_figure, show_message, style_time_axes, write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from poet.view.run import Run

MAX_COLUMNS = 3
DPI = 130


def plot(run: Run, kind: str = "overview", path: str | os.PathLike[str] | None = None) -> Figure:
    """One of the figures of a run, also written to `path` if given: as PNG, or what its suffix says.

    Raises `ConfigError` for an unknown kind, and for a suffix that cannot be written.
    """
    plots = run.plots()
    if kind not in plots:
        raise unknown("plot", kind, plots)
    path = None if path is None else checked_path(path)
    file_type = "png" if path is None else check_suffix(path)
    with doing(f"drawing {kind}"):
        figure = plots[kind](run)
        if path is not None:
            buffer = io.BytesIO()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Glyph")  # a name may have characters that the font lacks
                figure.savefig(buffer, dpi=DPI, format=file_type)
            write_file(path, buffer.getvalue())
    return figure


def try_plot(run: Run, kind: str, path: Path) -> bool:
    """`plot` as one of several figures: whether it is written. If not, the reason is added to the run's failures."""
    try:
        with named_errors(f"figure {kind!r}"):
            plot(run, kind, path)
    except PoetError as error:
        run.failures.append(f"{kind} is not drawn: {error}")
        return False
    return True


def check_suffix(path: Path) -> str:
    """The file type that the suffix of a figure's file names, by default "png". Raises `ConfigError` for others."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    known = FigureCanvasAgg.get_supported_filetypes()
    file_type = path.suffix.removeprefix(".").lower() or "png"
    if file_type not in known:
        raise ConfigError(f"a figure cannot be written as {path.name!r}: use one of .{', .'.join(sorted(known))}")
    return file_type


def overview(run: Run) -> Figure:
    """One curve for each headline metric, over iterations."""
    names, table = run.metrics, run.table("progress")
    columns = min(max(len(names), 1), MAX_COLUMNS)
    rows = math.ceil(max(len(names), 1) / columns)
    figure = new_figure(max(4.4 * columns, 8), 3.1 * rows + 0.7)
    figure.suptitle(title(run), color=INK)
    if not len(table["iteration"]) or not names:
        text = "Nothing to show yet: wait for the first iteration." if run.is_empty() else "No metric is a number."
        show_message(figure.subplots(), text)
        return figure
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axes, name in zip(panels.flat, names, strict=False):
        draw_metric(axes, run, name)
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    for index in range(max(len(names) - columns, 0), len(names)):
        panels.flat[index].set_xlabel("iteration")
        panels.flat[index].tick_params(labelbottom=True)
    return figure


def draw_metric(axes: Axes, run: Run, name: str) -> None:
    """A metric of the progress table over iterations."""
    table = run.table("progress")
    label, values = name.replace("_", " "), table.get(name, np.zeros(0))
    style_time_axes(axes)
    if values.dtype.kind not in "iufb":
        return show_message(axes, f"{label} is not a number: {values[-1]}")
    if not np.isfinite(values).any():
        return show_message(axes, f"No finite value of {label} yet.")
    few = np.isfinite(values).sum() < 3
    axes.plot(table["iteration"], values, color=BLUE, lw=1.6, marker="o" if few else "")
    axes.set_title(label, fontsize=10, color=INK, loc="left")
    return None


def title(run: Run) -> str:
    """The state of a run in one line."""
    return f"{run.name}:  " + ",  ".join([f"iteration {run.iteration}", *run.headline()])
