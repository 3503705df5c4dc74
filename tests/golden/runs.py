"""Runs whose results are recorded: a change of the code that is not meant to change results must leave them equal.

Bits depend on the processor and on the version of jax (docs/reproducibility.md), so there is a record for each machine.
`python -m tests.golden.runs` adds the record of this machine, or replaces it after a change that is meant.
"""

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import jax
import jaxlib
import numpy as np

from poet.agents.config import MLPConfig, XLAEngineConfig
from poet.archives.config import GridConfig
from poet.learners.config import ESConfig
from poet.runs.checkpoint import leaves
from poet.runs.journal import encode
from poet.runs.launch import build_search
from poet.runs.provenance import cpuinfo
from poet.search.config import RunConfig, presets
from poet.search.paired_map_elites.config import PairedMapElitesConfig, PairedMapElitesRunConfig
from tests.envs.toy import CorridorConfig

RECORDS = Path(__file__).with_name("records.json")
PAIRS = PairedMapElitesRunConfig(
    iterations=24,
    checkpoint_every=2,
    generator=CorridorConfig(),
    policy=MLPConfig(hidden=(8,)),
    learner=ESConfig(population=16, learning_rate=0.1, sigma=0.2),
    archive=GridConfig(shape=(7, 6)),
    search=PairedMapElitesConfig(
        threshold_unit="return",
        solved_score=90.0,
        training_score=20.0,
        children=6,
        variants=4,
        neighbours=2,
        trainees=2,
        max_training_steps=8,
    ),
    engine=XLAEngineConfig(lanes=16),
)


def configs() -> dict[str, RunConfig]:
    """The recorded runs by name."""
    return {"tiny": presets.get("tiny"), "map-elites-tiny": presets.get("map-elites-tiny"), "pairs": PAIRS}


def machine() -> str:
    """What bits depend on: the instructions of the processor, and jax."""
    kind = f"{platform.machine()} {cpuinfo('flags')} {jax.__version__} {jaxlib.__version__} {np.__version__}"
    return hashlib.sha256(kind.encode()).hexdigest()[:16]


def result(config: RunConfig) -> dict[str, Any]:
    """A digest of the journal rows of each iteration, and of each leaf of the last state."""
    search = build_search(config)
    state, iterations = search.init(jax.random.key(config.seed)), []
    for iteration in range(config.iterations):
        state, info = search.step(state)
        rows = [*info.events, {"event": "iteration", "iteration": iteration, **info.metrics}]
        iterations.append(hashlib.sha256(b"".join(map(encode, rows))).hexdigest()[:16])
    search.close()
    return {"iterations": iterations, "leaves": {path: leaf[-1] for path, leaf in leaves(state).items()}}


def recorded() -> dict[str, Any]:
    """Machine -> run -> result."""
    return json.loads(RECORDS.read_text()) if RECORDS.exists() else {}


if __name__ == "__main__":
    records = recorded() | {machine(): {name: result(config) for name, config in configs().items()}}
    RECORDS.write_text(json.dumps(records, indent=1) + "\n")
