"""How much of a run's time is not rollouts: decisions, learner updates, journal, checkpoints, pictures.

    poet run laptop --name overhead && python benchmarks/overhead.py runs/overhead

Reads the journal, whose `wall` entries hold the seconds. The first iteration, which compiles, is left out; pictures
after the last iteration are outside the clock.
"""

import argparse
from datetime import datetime

import numpy as np

from poet.runs.read import read_journal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    rows = read_journal(parser.parse_args().run)
    iterations = [row["wall"] | {"iteration": row["iteration"]} for row in rows if row.get("event") == "iteration"][1:]
    saves = [row["wall"]["seconds"] for row in rows if row.get("wall", {}).get("event") == "checkpoint"]
    rollout = np.array([wall["rollout_s"] for wall in iterations])
    step = np.array([wall["seconds"] for wall in iterations])
    other = step - rollout
    first, last = (datetime.fromisoformat(iterations[at]["time"]) for at in (0, -1))
    between = (last - first).total_seconds() - step[1:].sum()
    print(f"iterations                 {len(step)}, {step.sum():.1f} s, median {np.median(step):.2f} s")
    print(f"rollouts                   {rollout.sum():.1f} s")
    print(f"decisions, learner         {other.sum():.1f} s, {other.sum() / step.sum():.1%}")
    print(f"journal, niches, pictures  {between - sum(saves[1:]):.1f} s, {(between - sum(saves[1:])) / step.sum():.1%}")
    print(
        f"checkpoints                {sum(saves):.1f} s, {sum(saves) / step.sum():.1%}, {np.median(saves):.3f} s each"
    )
    print(f"not rollouts               {1 - rollout.sum() / (step.sum() + between):.1%}")
    busy = np.array([wall["busy"] for wall in iterations])
    print(f"lanes that did work        {np.average(busy, weights=rollout):.0%}")


if __name__ == "__main__":
    main()
