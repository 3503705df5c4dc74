"""A run folder as a search with an archive would leave it, without one: for tests, and to look at pictures.

`python tests/view/fake_archive.py FOLDER [grid|cvt|unstructured|...]` writes one by hand.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from poet.archives.layout import num_cells
from poet.archives.stats import summary
from poet.runs import config as configs
from poet.runs.config import Config, MapElitesRun
from poet.runs.elites import write_elites
from poet.runs.journal import encode
from poet.search.base import Snapshot

NOBODY = np.uint32(0xFFFFFFFF)
EMITTERS = ("iso_line", "es")


@dataclasses.dataclass(frozen=True)
class FakeRun(Config):
    kind: ClassVar[str] = "map-elites"


def spec_of(kind: str, dimensions: int = 2, cells: int = 12, **options: Any) -> dict[str, Any]:
    bounds = [[-1.0, 1.0], [0.0, 2.0], [0.0, 1.0], [-5.0, 5.0], [0.0, 1.0]][:dimensions]
    own = {
        "grid": {"shape": [cells] * dimensions, "soft": None},
        "cvt": {"num_cells": cells**2, "seed": 0, "soft": None},
        "unstructured": {"capacity": cells**2, "threshold": 0.05},
    }[kind]
    return {"kind": kind, "bounds": bounds, "out_of_bounds": "clip", **own, **options}


ARM = {**MapElitesRun().to_dict(), "problem": {"id": "arm", "num_joints": 3}}
KINDS = {
    "grid 1": spec_of("grid", 1),
    "grid 2": spec_of("grid", 2),
    "grid 3": spec_of("grid", 3, 7),
    "grid 4": spec_of("grid", 4, 4),
    "grid 5": spec_of("grid", 5, 3),
    "grid 6": {**spec_of("grid", 5, 3), "shape": [3] * 6, "bounds": [[0.0, 1.0]] * 6},
    "cvt 1": spec_of("cvt", 1, 5),
    "cvt 2": spec_of("cvt", 2, 6),
    "cvt 3": spec_of("cvt", 3, 6),
    "unstructured 1": spec_of("unstructured", 1, 6),
    "unstructured 2": spec_of("unstructured", 2, 6),
    "unstructured 4": spec_of("unstructured", 4, 6),
    "unstructured 6": {**spec_of("unstructured", 5, 6), "bounds": [[0.0, 1.0]] * 6},
}


def locate(spec: dict[str, Any], points: np.ndarray) -> np.ndarray:
    low, high = np.transpose(spec["bounds"])
    if spec["kind"] == "grid":
        place = np.clip((points - low) / (high - low) * spec["shape"], 0, np.array(spec["shape"]) - 1).astype(int)
        return np.ravel_multi_index(tuple(place.T), spec["shape"])
    if spec["kind"] == "cvt":
        from poet.view.archive.cells import centroids

        return ((points[:, None] - centroids(spec)) ** 2).sum(-1).argmin(1)
    return np.arange(len(points)) % num_cells(spec)


def fake_archive(
    folder: Path,
    spec: dict[str, Any] | None = None,
    iterations: int = 12,
    batch: int = 40,
    snapshots: tuple[int, ...] = (4, 8, 12),
    params: int = 3,
    seed: int = 0,
    **options: Any,
) -> Path:
    """Write `folder` and return it. Random points of a bowl, children near a parent; none found if `batch` is 0."""
    spec = spec or spec_of("grid")
    rng = np.random.default_rng(seed)
    low, high = np.transpose(spec["bounds"])
    names = ["left foot", "right foot", "height", "speed", "effort", "tilt"][: len(low)]
    folder.mkdir(parents=True)
    options = {
        "kind": "map-elites",
        "seed": 0,
        "iterations": iterations,
        "search": {"emitters": EMITTERS},
        "execution": {},
        **options,
    }
    (folder / "config.json").write_text(json.dumps(options))
    (folder / "run.json").write_text(json.dumps({"format": 1, "name": folder.name, "sessions": []}))
    meta = {
        "spec": spec,
        "payload": {"params": {"shape": [params], "dtype": "float32"}},
        "descriptor_names": names,
        "fitness_bounds": [-10.0, 0.0],
        "problem": {"id": "arm-v1"},
        "rows": num_cells(spec),
    }
    held: dict[int, dict[str, np.ndarray]] = {}
    with open(folder / "journal.jsonl", "wb") as journal:
        for t in range(iterations):
            tells = {name: {"evaluations": batch // 2, "added": 0, "improved": 0} for name in EMITTERS}
            before = list(held.values())
            points = rng.uniform(low, high, (batch, len(low)))
            for b, point in enumerate(points):
                parents, emitter = np.full((2, 2), NOBODY), b * 2 // max(batch, 1)
                if before and b % 4:
                    one = before[int(rng.integers(len(before)))]
                    parents[0] = one["id"]
                    point = np.clip(one["descriptor"] + rng.normal(0, 0.08, len(low)) * (high - low), low, high)
                cell = int(locate(spec, point[None])[0]) if spec["kind"] != "unstructured" else len(held)
                value = -float((((point - low) / (high - low) - 0.6) ** 2).sum()) * 8 - rng.gamma(1.0)
                if cell >= num_cells(spec) or (cell in held and held[cell]["fitness"] >= value):
                    continue
                tells[EMITTERS[emitter]]["improved" if cell in held else "added"] += 1
                held[cell] = {
                    "fitness": np.float32(value),
                    "descriptor": point.astype(np.float32),
                    "id": np.array([t, b], np.uint32),
                    "parents": parents,
                    "emitter": np.int32(emitter),
                    "params": rng.normal(size=params).astype(np.float32),
                }
            cells = sorted(held)
            like = {
                "fitness": np.zeros(0, np.float32),
                "descriptor": np.zeros((0, len(low)), np.float32),
                "id": np.zeros((0, 2), np.uint32),
                "parents": np.zeros((0, 2, 2), np.uint32),
                "emitter": np.zeros(0, np.int32),
                "params": np.zeros((0, params), np.float32),
            }
            columns = {"cell": np.array(cells, np.int32)}
            columns |= {name: np.stack([held[c][name] for c in cells]) if cells else like[name] for name in like}
            now = summary(spec, columns, -10.0)
            evaluations = batch * (t + 1)
            row = {"event": "iteration", "iteration": t, "env_steps": evaluations, "evaluations": evaluations}
            row |= {"coverage": now.coverage, "qd_score": now.qd_score, "best": now.best, "mean": now.mean}
            row |= {name: sum(each[name] for each in tells.values()) for name in ("added", "improved")}
            row |= {"not_finite": 1, "outside": 0, "clipped": 2, "emitters": tells, "wall": {"seconds": 0.5}}
            journal.write(encode(row))
            if t + 1 in snapshots:
                given = Snapshot({**meta, "iteration": t + 1, "evaluations": evaluations}, columns)
                write_elites(folder / "elites", t + 1, given)
    return folder


if __name__ == "__main__":
    configs.KINDS.setdefault("map-elites", FakeRun)
    words = sys.argv[2].split(",") if len(sys.argv) > 2 else ["grid"]
    print(fake_archive(Path(sys.argv[1]), spec_of(words[0], *map(int, words[1:])), batch=400))
