"""Records as Markdown: medians over turns, and medians of the turns' ratios to the faster of the peers."""

from collections.abc import Callable, Iterable
from statistics import median

from benchmarks.quality_diversity.contest import LIBRARIES, Record

PEERS = ("pyribs", "QDax")  # as they come; pyribs in float32 stands beside them


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(columns)
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def by_point(records: list[Record]) -> dict[str, dict[str, list[Record]]]:
    grouped: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        grouped.setdefault(record["point"], {}).setdefault(record["library"], []).append(record)
    return grouped


def sound(records: list[Record]) -> list[Record]:
    return [record for record in records if "error" not in record]


def rate(work: float) -> str:
    if work >= 1e6:
        return f"{work / 1e6:.3g} M"
    return f"{work / 1e3:.3g} k"


def ratio(found: dict[str, list[Record]], speed: Callable[[Record], float]) -> str:
    """Ours over the faster peer of the same turn, median over turns."""
    best: dict[int, float] = {}
    for name in PEERS:
        for record in sound(found.get(name, [])):
            best[record["turn"]] = max(best.get(record["turn"], 0.0), speed(record))
    ratios = [speed(r) / best[r["turn"]] for r in sound(found.get("ours", [])) if best.get(r["turn"])]
    return f"{median(ratios):.1f}" if ratios else "-"


def cells(found: dict[str, list[Record]], show: Callable[[list[Record]], str]) -> list[str]:
    shown = []
    for name in LIBRARIES:
        records = found.get(name, [])
        good = sound(records)
        shown.append(show(good) if good else records[0]["error"] if records else "-")
    return shown


def loop(records: list[Record]) -> str:
    """Evaluations per second; a CPU-second is one of all threads together."""

    def wall(record: Record) -> float:
        return record["evaluations"] / record["wall"]

    def cpu(record: Record) -> float:
        return record["evaluations"] / record["cpu"]

    rows, compiling = [], {}
    for point, found in by_point(records).items():
        shown = cells(found, lambda good: f"{rate(median(map(wall, good)))} ({rate(median(map(cpu, good)))})")
        rows.append([point, *shown, ratio(found, wall), ratio(found, cpu)])
        for name, answers in found.items():
            compiling.setdefault(name, []).extend(r["warm_up"] for r in sound(answers) if r["turn"] == 0)
    made = table(["wall (per CPU-s)", *LIBRARIES, "ours, times the faster", "per CPU-s"], rows)
    warm = "; ".join(f"{name} {median(s):.1f} s, {max(s):.1f} at most" for name, s in compiling.items() if s)
    return f"{made}\n\nCompilation and first batches, not in the rates: {warm}."


def insert(records: list[Record]) -> str:
    """Entries per second, and by how much memory rose at most."""

    def speed(record: Record) -> float:
        return int(record["point"].split("size-")[1].split()[0]) / record["wall"]

    def show(good: list[Record]) -> str:
        return f"{rate(median(map(speed, good)))} ({median(r['peak'] for r in good) / 2**20:.0f})"

    rows = [[point, *cells(found, show), ratio(found, speed)] for point, found in by_point(records).items()]
    return table(["entries/s (MiB)", *LIBRARIES, "ours, times the faster"], rows)


def seconds(records: list[Record]) -> str:
    def speed(record: Record) -> float:
        return 1 / record["wall"]

    def show(good: list[Record]) -> str:
        error = f" ({median(r['error_of_cells'] for r in good):.4f})" if "error_of_cells" in good[0] else ""
        return f"{median(r['wall'] for r in good):.2f}{error}"

    rows = [[point, *cells(found, show), ratio(found, speed)] for point, found in by_point(records).items()]
    return table(["seconds", *LIBRARIES, "ours, times the faster"], rows)


def quality(records: list[Record]) -> str:
    """Least and most of the seeds; QD score in thousands."""

    def show(good: list[Record]) -> str:
        covers, scores = [r["coverage"] for r in good], [r["qd_score"] / 1e3 for r in good]
        return f"{min(covers):.3f}-{max(covers):.3f}, {min(scores):.1f}-{max(scores):.1f} k"

    rows = [[point, *cells(found, show)] for point, found in by_point(records).items()]
    return table(["coverage, QD score", *LIBRARIES], rows)


def load(records: list[Record]) -> str:
    loads = [record["load"] for record in records]
    turns = 1 + max(record["turn"] for record in records)
    return f"{turns} turns; load average {min(loads):.1f} to {max(loads):.1f}, median {median(loads):.1f}."


TABLES = {"loop": loop, "insert": insert, "centroids": seconds, "quality": quality, "start": seconds}
