"""Every public factory has an example."""

import doctest
import importlib
import inspect
import pkgutil

import poet.archives

MODULES = [
    importlib.import_module(info.name) for info in pkgutil.iter_modules(poet.archives.__path__, "poet.archives.")
]
# Functions that users call, by module; the factories among them return an archive, entries or centroids.
WITH_EXAMPLES = {
    "poet.archives.base": ("entries", "examples_of", "free_rows"),
    "poet.archives.buffer": ("buffer",),
    "poet.archives.centroids": ("cvt_centroids",),
    "poet.archives.compare": ("diff", "merge"),
    "poet.archives.config": ("make",),
    "poet.archives.cvt": ("cvt",),
    "poet.archives.grid": ("grid",),
    "poet.archives.pareto": ("pareto",),
    "poet.archives.select": ("draw_rows", "least_chosen", "sum_by_id", "weighted", "with_selection"),
    "poet.archives.stats": (
        "count_by_emitter",
        "entropy",
        "hypervolume",
        "moqd_score",
        "normalised_qd_score",
        "solved",
        "batch_counts_by_emitter",
        "summary",
    ),
    "poet.archives.table": ("columns", "payload_names", "entries_from_columns", "rows_from_columns"),
    "poet.archives.unstructured": ("k_nearest", "novelty", "unstructured"),
}


def test_every_public_function_of_these_modules_has_an_example() -> None:
    for module in MODULES:
        if module.__name__ not in WITH_EXAMPLES:
            continue
        examples = {test.name.rsplit(".", 1)[1] for test in doctest.DocTestFinder(exclude_empty=True).find(module)}
        assert set(WITH_EXAMPLES[module.__name__]) <= examples
        if module.__name__.rsplit(".", 1)[1] in ("compare", "stats", "table"):
            public = [
                name
                for name, function in inspect.getmembers(module, inspect.isfunction)
                if function.__module__ == module.__name__ and not name.startswith("_")
            ]
            assert set(public) == set(WITH_EXAMPLES[module.__name__])
