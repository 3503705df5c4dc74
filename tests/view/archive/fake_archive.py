"""A run folder as a search with an archive writes it, without a search: for tests, and to look at figures.

`python tests/view/archive/fake_archive.py FOLDER [grid|cvt|unstructured][,DIMENSIONS[,CELLS]]` writes one by hand.
"""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from poet.archives.layout import NO_PARENT, num_cells
from poet.archives.stats import summary
from poet.checksum import digest, dump_checksummed
from poet.runs.journal import encode
from tests.view.run_folder import write_run

EMITTERS = ("iso-line", "es")
ARM = {"id": "arm", "num_joints": 3}


def spec_of(id: str, dimensions: int = 2, cells: int = 12, **options: Any) -> dict[str, Any]:
    bounds = [[-1.0, 1.0], [0.0, 2.0], [0.0, 1.0], [-5.0, 5.0], [0.0, 1.0], [0.0, 1.0]][:dimensions]
    own = {
        "grid": {"shape": [cells] * dimensions, "thresholds": None},
        "cvt": {"num_cells": cells**2, "seed": 0, "thresholds": None},
        "unstructured": {"capacity": cells**2, "min_distance": 0.05},
    }[id] | options
    count = math.prod(own["shape"]) if id == "grid" else own["num_cells" if id == "cvt" else "capacity"]
    geometry = {"grid": "grid", "cvt": "centroids", "unstructured": "points"}[id]
    layout = {"cells": count, "rows_per_cell": 1, "geometry": geometry}
    return {"id": id, "bounds": bounds, "layout": layout, "out_of_bounds": "clip", **own}


SPECS = {
    "grid 1": spec_of("grid", 1),
    "grid 2": spec_of("grid", 2),
    "grid 3": spec_of("grid", 3, 7),
    "grid 4": spec_of("grid", 4, 4),
    "grid 5": spec_of("grid", 5, 3),
    "grid 6": {**spec_of("grid", 6, 3), "bounds": [[0.0, 1.0]] * 6},
    "cvt 1": spec_of("cvt", 1, 5),
    "cvt 2": spec_of("cvt", 2, 6),
    "cvt 3": spec_of("cvt", 3, 6),
    "unstructured 1": spec_of("unstructured", 1, 6),
    "unstructured 2": spec_of("unstructured", 2, 6),
    "unstructured 4": spec_of("unstructured", 4, 6),
    "unstructured 6": {**spec_of("unstructured", 6, 6), "bounds": [[0.0, 1.0]] * 6},
}


def locate(spec: dict[str, Any], points: np.ndarray) -> np.ndarray:
    low, high = np.transpose(spec["bounds"])
    geometry = spec["layout"]["geometry"]
    if geometry == "grid":
        place = np.clip((points - low) / (high - low) * spec["shape"], 0, np.array(spec["shape"]) - 1).astype(int)
        return np.ravel_multi_index(tuple(place.T), spec["shape"])
    if geometry == "centroids":
        from poet.view.archive.cells import centroids

        return ((points[:, None] - centroids(spec)) ** 2).sum(-1).argmin(1)
    return np.arange(len(points)) % num_cells(spec)


def write_elites(folder: Path, meta: dict[str, Any], columns: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True)
    facts = {}
    for name, column in columns.items():
        np.save(folder / f"{name}.npy", column)
        facts[name] = {"shape": column.shape, "dtype": column.dtype.str, "digest": digest(column)}
    (folder / "archive.json").write_bytes(dump_checksummed({"meta": meta, "columns": facts}))


def fake_archive(
    folder: Path,
    spec: dict[str, Any] | None = None,
    iterations: int = 12,
    batch: int = 40,
    snapshots: tuple[int, ...] = (4, 8, 12),
    params: int = 3,
    seed: int = 0,
    genomes: bool = False,
    **options: Any,
) -> Path:
    """Write `folder` and return it. Random points of a bowl, children near a parent; none found if `batch` is 0.

    With `genomes` each elite is an environment of the toy generator, with the agent in it.
    """
    spec = spec or spec_of("grid")
    rng = np.random.default_rng(seed)
    low, high = np.transpose(spec["bounds"])
    names = ["left foot", "right foot", "height", "speed", "effort", "tilt"][: len(low)]
    options = {
        "id": "map-elites",
        "seed": 0,
        "iterations": iterations,
        "problem": ARM,
        "policy": {"id": "mlp", "hidden": [4]},
        "executor": {"id": "local"},
        "search": {"emitters": [{"id": name} for name in EMITTERS]},
        "qd_offset": None,
        **options,
    }
    write_run(folder, options, view="archive", headline=["coverage", "qd_score", "best"])
    meta = {
        "spec": spec,
        "payload": {"params": {"shape": [params], "dtype": "float32"}},
        "descriptor_names": names,
        "fitness_bounds": [-10.0, 0.0],
        "qd_offset": -10.0,
        "problem": {"id": "arm-v1"},
        "rows": num_cells(spec),
    }
    held: dict[int, dict[str, np.ndarray]] = {}
    with open(folder / "journal.jsonl", "wb") as journal:
        for t in range(iterations):
            reports = {name: {"evaluations": batch // 2, "added": 0, "improved": 0} for name in EMITTERS}
            before = list(held.values())
            points = rng.uniform(low, high, (batch, len(low)))
            for b, point in enumerate(points):
                parents, emitter = np.full((2, 2), NO_PARENT, np.uint32), b * 2 // max(batch, 1)
                if before and b % 4:
                    one = before[int(rng.integers(len(before)))]
                    parents[0] = one["id"]
                    point = np.clip(one["descriptor"] + rng.normal(0, 0.08, len(low)) * (high - low), low, high)
                cell = int(locate(spec, point[None])[0]) if spec["layout"]["geometry"] != "points" else len(held)
                value = -float((((point - low) / (high - low) - 0.6) ** 2).sum()) * 8 - rng.gamma(1.0)
                if cell >= num_cells(spec) or (cell in held and held[cell]["fitness"] >= value):
                    continue
                reports[EMITTERS[emitter]]["improved" if cell in held else "added"] += 1
                held[cell] = {
                    "fitness": np.float32(value),
                    "descriptor": point.astype(np.float32),
                    "id": np.array([t, b], np.uint32),
                    "parents": parents,
                    "emitter": np.int32(emitter),
                    "params": rng.normal(size=params).astype(np.float32),
                }
            cells = sorted(held)
            empty = {
                "fitness": np.zeros(0, np.float32),
                "descriptor": np.zeros((0, len(low)), np.float32),
                "id": np.zeros((0, 2), np.uint32),
                "parents": np.zeros((0, 2, 2), np.uint32),
                "emitter": np.zeros(0, np.int32),
                "params": np.zeros((0, params), np.float32),
            }
            columns = {"cell": np.array(cells, np.int32)}
            if genomes:
                heights = rng.uniform(0, 2, (2, len(cells))).astype(np.float32)
                columns |= {"genome.height": heights[0], "genome.width": 0.2 + heights[1]}
            columns |= {name: np.stack([held[c][name] for c in cells]) if cells else empty[name] for name in empty}
            now = summary(spec, columns, -10.0)
            evaluations = batch * (t + 1)
            row = {"event": "iteration", "iteration": t, "env_steps": evaluations, "evaluations": evaluations}
            row |= {"coverage": now.coverage, "qd_score": now.qd_score, "best": now.best, "mean": now.mean}
            row |= {name: sum(each[name] for each in reports.values()) for name in ("added", "improved")}
            row |= {"not_finite": 1, "out_of_bounds": 0, "clipped": 2, "emitters": reports, "wall": {"seconds": 0.5}}
            journal.write(encode(row))
            if t + 1 in snapshots:
                facts = {**meta, "iteration": t + 1, "evaluations": evaluations}
                write_elites(folder / "elites" / str(t + 1), facts, columns)
    return folder


if __name__ == "__main__":
    id, *sizes = sys.argv[2].split(",") if len(sys.argv) > 2 else ["grid"]
    print(fake_archive(Path(sys.argv[1]), spec_of(id, *map(int, sizes)), batch=400))
