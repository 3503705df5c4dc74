"""Records as Markdown tables.

Values are medians over turns. A speed-up is our speed divided by that of the faster of pyribs and QDax in the same
turn; the table shows the median over turns.
"""

from collections.abc import Callable, Iterable
from statistics import median

from benchmarks.quality_diversity.turns import LIBRARIES, Record

BASELINES = ("pyribs", "QDax")  # of speed-ups, with their default options; so pyribs in float32 is not one of them


def markdown(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(columns)
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def group_by_point(records: list[Record]) -> dict[str, dict[str, list[Record]]]:
    """The records of each library at each point."""
    grouped: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        grouped.setdefault(record["point"], {}).setdefault(record["library"], []).append(record)
    return grouped


def without_errors(records: list[Record]) -> list[Record]:
    return [record for record in records if "error" not in record]


def format_rate(rate: float) -> str:
    if rate >= 1e6:
        return f"{rate / 1e6:.3g} M"
    return f"{rate / 1e3:.3g} k"


def speed_up(by_library: dict[str, list[Record]], speed: Callable[[Record], float]) -> str:
    fastest: dict[int, float] = {}
    for name in BASELINES:
        for record in without_errors(by_library.get(name, [])):
            fastest[record["turn"]] = max(fastest.get(record["turn"], 0.0), speed(record))
    ours = without_errors(by_library.get("ours", []))
    ratios = [speed(r) / fastest[r["turn"]] for r in ours if fastest.get(r["turn"])]
    return f"{median(ratios):.1f}" if ratios else "-"


def measured(records: list[Record]) -> list[str]:
    """The libraries that have records, in the order of the tables."""
    return [name for name in LIBRARIES if any(record["library"] == name for record in records)]


def library_cells(
    names: list[str], by_library: dict[str, list[Record]], text: Callable[[list[Record]], str]
) -> list[str]:
    """A cell for each library: the text of its records, the first error, or "-" where there is no record."""
    cells = []
    for name in names:
        records = by_library.get(name, [])
        good = without_errors(records)
        cells.append(text(good) if good else records[0]["error"] if records else "-")
    return cells


def loop(records: list[Record]) -> str:
    """Evaluations per second of wall time and per CPU-second, which counts all threads."""

    def wall(record: Record) -> float:
        return record["evaluations"] / record["wall"]

    def cpu(record: Record) -> float:
        return record["evaluations"] / record["cpu"]

    def text(good: list[Record]) -> str:
        return f"{format_rate(median(map(wall, good)))} ({format_rate(median(map(cpu, good)))})"

    names, rows, warm_ups = measured(records), [], {}
    for point, by_library in group_by_point(records).items():
        rows.append(
            [point, *library_cells(names, by_library, text), speed_up(by_library, wall), speed_up(by_library, cpu)]
        )
        for name, found in by_library.items():
            warm_ups.setdefault(name, []).extend(r["warm_up"] for r in without_errors(found) if r["turn"] == 0)
    columns = ["evaluations/s (per CPU-second)", *names, "speed-up", "speed-up per CPU-second"]
    warm_up = "; ".join(f"{name} {median(s):.1f} s, at most {max(s):.1f} s" for name, s in warm_ups.items() if s)
    return f"{markdown(columns, rows)}\n\nTime to compile and run the first batches, not counted above: {warm_up}."


def insert(records: list[Record]) -> str:
    """Entries per second, and the largest growth of memory."""

    def speed(record: Record) -> float:
        return int(record["point"].split("size-")[1].split()[0]) / record["wall"]

    def text(good: list[Record]) -> str:
        growth = median(r["memory_growth"] for r in good) / 2**20
        return f"{format_rate(median(map(speed, good)))} ({growth:.0f})"

    names = measured(records)
    rows = [
        [point, *library_cells(names, by_library, text), speed_up(by_library, speed)]
        for point, by_library in group_by_point(records).items()
    ]
    return markdown(["entries/s (MiB)", *names, "speed-up"], rows)


def seconds(records: list[Record]) -> str:
    """Seconds of wall time; for centroids also their quantisation error."""

    def speed(record: Record) -> float:
        return 1 / record["wall"]

    def text(good: list[Record]) -> str:
        has_error = "quantisation_error" in good[0]
        error = f" ({median(r['quantisation_error'] for r in good):.4f})" if has_error else ""
        return f"{median(r['wall'] for r in good):.2f}{error}"

    names = measured(records)
    rows = [
        [point, *library_cells(names, by_library, text), speed_up(by_library, speed)]
        for point, by_library in group_by_point(records).items()
    ]
    return markdown(["seconds", *names, "speed-up"], rows)


def quality(records: list[Record]) -> str:
    """Minimum and maximum over seeds; QD score in thousands."""

    def text(good: list[Record]) -> str:
        coverages, scores = [r["coverage"] for r in good], [r["qd_score"] / 1e3 for r in good]
        return f"{min(coverages):.3f}-{max(coverages):.3f}, {min(scores):.1f}-{max(scores):.1f} k"

    names = measured(records)
    rows = [[point, *library_cells(names, by_library, text)] for point, by_library in group_by_point(records).items()]
    return markdown(["coverage, QD score", *names], rows)


def describe_load(records: list[Record]) -> str:
    loads = [record["load"] for record in records]
    turns = 1 + max(record["turn"] for record in records)
    return f"{turns} turns; load average {min(loads):.1f} to {max(loads):.1f}, median {median(loads):.1f}."


TABLES = {"loop": loop, "insert": insert, "centroids": seconds, "quality": quality, "start": seconds}
