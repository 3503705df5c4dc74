"""Does POET evolve on environments with other scales of reward, at the default thresholds?

`python -m benchmarks.reward_scale [GENERATOR ...]` runs the preset `laptop` for 60 iterations on each, and prints a
table of environments admitted and solved. Only options of the learner and of the first environment differ. gymnax needs
the environment that `make gymnax` sets up: `.venv-gymnax/bin/python -m benchmarks.reward_scale gymnax-acrobot
gymnax-pendulum`.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import poet
from poet.cli.main import main

OPTIONS = {
    "maze": "--generator.first-maze open",
    "swing-up": "--learner.population 1024 --learner.sigma 0.2 --learner.learning-rate 0.1",
    "gymnax-acrobot": "",
    "gymnax-pendulum": "--learner.population 512 --learner.sigma 0.3 --learner.learning-rate 0.2 --learner.episodes 8",
}
ITERATIONS = 60


def words(name: str, root: Path) -> list[str]:
    """The arguments of the command `poet`."""
    options = f"run laptop --name {name} --generator {name} --iterations {ITERATIONS} {OPTIONS[name]}"
    return [*options.split(), "--root", str(root)]


def row(name: str, root: Path) -> list[Any]:
    """Run POET on one generator; a row of the table."""
    began = time.perf_counter()
    if main(words(name, root)):
        sys.exit(f"the run on {name} failed")
    seconds = time.perf_counter() - began
    run = poet.open_run(root / name)
    generator, niches, thresholds = run.generator(), run.table("niches"), run.thresholds
    command = " ".join(["poet", *words(name, root)[:-2]])
    return [
        f"`{name}`",
        "{:g} to {:g}".format(*generator.return_range),
        *(f"{thresholds[threshold]:g}" for threshold in ("reproduce_threshold", "solved_score")),
        len(niches["niche"]),
        int((niches["solved"] >= 0).sum()),
        f"{seconds:.0f}",
        f"`{command}`",
    ]


if __name__ == "__main__":
    names = sys.argv[1:] or [name for name in OPTIONS if not name.startswith("gymnax")]
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(name, Path(folder)) for name in names]
    print("| generator | range of returns | may reproduce from | solved from | admitted | solved | seconds | command |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for cells in rows:
        print(f"| {' | '.join(map(str, cells))} |")
