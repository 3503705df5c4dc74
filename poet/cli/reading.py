"""`poet status`, `poet diff`, `poet list`."""

import shutil
from pathlib import Path

from poet.cli.runs import find_run
from poet.command_line import command
from poet.errors import PoetError
from poet.registry import registries
from poet.runs.layout import ROOT
from poet.terminal import print_lines

WIDE = 120  # columns; in narrower terminals `status` prints two lines for each run


def status(runs: tuple[str, ...] = (), /, *, root: Path = ROOT) -> int:
    """Progress of runs: iteration, environment steps, speed, time left, and whether they are being written.

    Args:
        runs: Run folders or names; by default all in the root.
        root: Folder of all runs.
    """
    from poet.runs.progress import duration
    from poet.runs.read import list_runs
    from poet.runs.status import quantity, read_status

    paths = [find_run(Path(run), root) for run in runs] if runs else list_runs(root)
    if not paths:
        place = () if root == ROOT else ("--root", root)
        print_lines(f"no runs in {root}; start one with: {command('run', 'tiny', *place)}")
        return 0
    narrow = shutil.get_terminal_size((WIDE, 24)).columns < WIDE
    gap = "\n    " if narrow else "  "
    head = f"{'run':<20} {'iteration':>15} {'steps':>9} {'steps/s':>9} {'left':>9}  {'state':<8}{gap}reached"
    print_lines(*head.split("\n"))
    for path in paths:
        try:
            now = read_status(path)
        except PoetError as error:
            print_lines(f"{path.name:<20} cannot be read: {' '.join(str(error).split())}")
            continue
        cells = (
            f"{now.iteration}/{now.iterations}",
            quantity(now.env_steps),
            "-" if now.steps_per_s is None else quantity(now.steps_per_s),
            "-" if now.left_s is None or now.finished else duration(now.left_s),
        )
        numbers = " ".join(f"{cell:>{width}}" for cell, width in zip(cells, (15, 9, 9, 9)))
        line = f"{now.name:<20} {numbers}  {now.state:<8}{gap}{', '.join(now.headline)}".rstrip()
        print_lines(*line.split("\n"))
    return 0


def diff(a: Path, b: Path, root: Path = ROOT) -> int:
    """Whether two runs have the same history and the same final state, bit for bit; exit code 0 if so, else 1.

    Args:
        a: Run folder or name.
        b: Run folder or name.
        root: Folder of all runs.
    """
    from poet.runs.diff import diff_runs

    lines = diff_runs(find_run(a, root), find_run(b, root))
    print_lines(*lines or ["equal: same history, same state"])
    return 1 if lines else 0


def list_(root: Path = ROOT) -> int:
    """Presets, everything else that can be chosen by an id, whether it loads and from which package, and the runs.

    Args:
        root: Folder of all runs.
    """
    from poet.runs.read import list_runs
    from poet.search.config import presets

    for registry in sorted(registries(), key=lambda registry: registry is not presets):
        print_lines(registry.plural)
        for row in registry.status():
            note = row.problem or str(row.origin)
            if registry is presets and not row.problem:
                preset = presets.get(row.id)
                note = f"{preset.id}: {preset.describe()}, {preset.iterations} iterations"
            print_lines(f"  {row.id:<18} {note}")
        if not registry.ids():
            print_lines("  none installed")
    print_lines(f"runs in {root}")
    for run in list_runs(root):
        print_lines(f"  {run}")
    return 0
