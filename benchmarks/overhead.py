"""How much of the time of a run is spent outside rollouts: decisions, learner, journal, checkpoints, pictures.

    poet run laptop --name overhead && python benchmarks/overhead.py runs/overhead

Reads the times that the journal records under `wall`. The first iteration, which compiles, and the pictures after the
last iteration are not counted.
"""

import argparse
from datetime import datetime

import numpy as np

from poet.runs.read import read_journal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="run folder")
    rows = read_journal(parser.parse_args().run)
    iterations = [row["wall"] | {"iteration": row["iteration"]} for row in rows if row.get("event") == "iteration"][1:]
    if len(iterations) < 2 or "rollout_s" not in iterations[0]:
        parser.error("expected a run of POET or of paired MAP-Elites with at least three iterations")
    saves = [row["wall"]["seconds"] for row in rows if row.get("wall", {}).get("event") == "checkpoint"]
    rollout = np.array([wall["rollout_s"] for wall in iterations])
    total = np.array([wall["seconds"] for wall in iterations])
    other = total - rollout
    first, last = (datetime.fromisoformat(iterations[at]["time"]) for at in (0, -1))
    between = (last - first).total_seconds() - total[1:].sum()
    written = between - sum(saves[1:])
    busy = np.array([wall["busy"] for wall in iterations])
    print(f"iterations                 {len(total)}, {total.sum():.1f} s, median {np.median(total):.2f} s")
    print(f"rollouts                   {rollout.sum():.1f} s")
    print(f"decisions, learner         {other.sum():.1f} s, {other.sum() / total.sum():.1%}")
    print(f"journal, niches, pictures  {written:.1f} s, {written / total.sum():.1%}")
    share = sum(saves) / total.sum()
    print(f"checkpoints                {sum(saves):.1f} s, {share:.1%}, {np.median(saves):.3f} s each")
    print(f"all but rollouts           {1 - rollout.sum() / (total.sum() + between):.1%}")
    print(f"busy lanes                 {np.average(busy, weights=rollout):.0%}")


if __name__ == "__main__":
    main()
