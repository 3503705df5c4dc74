"""The record of an archive's elites that MAP-Elites searches store beside each checkpoint."""

from typing import Any

import jax

from poet.archives.base import Archive, Entries
from poet.archives.layout import num_rows
from poet.archives.table import columns, payload_names
from poet.search.base import Record


def elites_record(archive: Archive, elites: Entries, *, iteration: int, evaluations: int, **meta: Any) -> Record:
    """All elites as columns, with what is needed to read them without the search.

    Args:
      archive: the archive that they are from.
      elites: all its R rows, `archive.elites(state)`.
      iteration: iterations done.
      evaluations: evaluations done.
      **meta: JSON-ready: "descriptor_names", "fitness_bounds" and "problem", for tables and pictures.

    The record's `arrays` are those of `poet.archives.table.columns`. Its `meta` has the archive's "spec", the number of
    "rows", and the "payload": shape and dtype of each column that belongs to it.

    >>> import jax.numpy as jnp
    >>> from poet.archives.grid import grid
    >>> archive = grid((4,), [(0.0, 1.0)])
    >>> elites = archive.elites(archive.init(jnp.zeros(3)))
    >>> record = elites_record(archive, elites, iteration=0, evaluations=0)
    >>> record.meta["payload"], record.meta["rows"], record.arrays["params"].shape
    ({'params': {'shape': [3], 'dtype': 'float32'}}, 4, (0, 3))
    """
    leaves = zip(payload_names(elites.payload), jax.tree.leaves(elites.payload))
    return Record(
        {
            "spec": dict(archive.spec),
            "iteration": iteration,
            "evaluations": evaluations,
            "payload": {name: {"shape": list(leaf.shape[1:]), "dtype": str(leaf.dtype)} for name, leaf in leaves},
            "rows": num_rows(archive.spec),
            **meta,
        },
        columns(archive.spec, elites),
    )
