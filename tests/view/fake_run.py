"""A run folder as a POET run writes it, without running one: for tests, and to look at figures.

`python tests/view/fake_run.py FOLDER [generator] [iterations]` writes one by hand.
"""

import dataclasses
import sys
from pathlib import Path

import jax
import numpy as np

from poet import configs
from poet.agents.config import MLPConfig
from poet.envs.config import GeneratorConfig, generators
from poet.envs.interface import interface_to_dict
from poet.runs.artifacts import write_artifact
from poet.search.base import Record
from tests.view.run_folder import write_run
from tests.view.toy import HillsConfig

SMALL = MLPConfig(hidden=(4,))
HEADLINE = ["active", "solved", "best_fitness"]


@dataclasses.dataclass
class Pair:
    id: int
    parent: int | None
    genome: object
    born: int
    skill: float
    ease: float
    best: float = -np.inf
    solved: int | None = None
    retired: int | None = None


def poet_options(generator: GeneratorConfig, policy: MLPConfig = SMALL, iterations: int = 200, max_niches: int = 20):
    return {
        "id": "poet",
        "seed": 0,
        "iterations": iterations,
        "generator": configs.to_dict(generator),
        "policy": configs.to_dict(policy),
        "executor": {"id": "local"},
        "search": {"max_niches": max_niches, "solved": 230.0},
    }


def weights(size, seed):
    return np.random.default_rng(seed).normal(0, 0.3, size).astype(np.float32)


def fake_run(
    folder: Path,
    config: GeneratorConfig = HillsConfig(),  # noqa: B008
    iterations: int = 200,
    max_niches: int = 20,
    birth_every: int = 6,
    policy: MLPConfig = SMALL,
    nan_at: tuple[int, ...] = (),
    seed: int = 0,
) -> Path:
    """Write `folder` and return it; `nan_at` lists iterations at which the youngest niche's fitness is NaN."""
    rng = np.random.default_rng(seed)
    generator = config.make()
    interface = generator.environment.interface
    num_params = policy.make(interface).num_params
    (folder / "niches").mkdir(parents=True, exist_ok=True)
    rows, pairs, active = [], [], []
    mutate, features = jax.jit(generator.mutate), jax.jit(generator.features)

    def meta(pair, via, agent_from, fitness, novelty):
        values = np.asarray(features(pair.genome)).tolist()
        return {
            "genome": generator.to_json(pair.genome),
            "description": generator.describe(pair.genome),
            "features": dict(zip(generator.feature_names, values, strict=True)),
            "difficulty": generator.difficulty_class(pair.genome) if hasattr(generator, "difficulty_class") else None,
            "novelty": novelty,
            "fitness": fitness,
            "agent_from": agent_from,
            "via": via,
        }

    def admit(genome, parent, at, via, source, fitness, novelty):
        pair = Pair(len(pairs), parent, genome, at, fitness, float(rng.uniform(0.004, 0.03)))
        fields = meta(pair, via, source, fitness, novelty)
        rows.append({"event": "admission", "iteration": at, "niche": pair.id, "parent": parent, **fields})
        pairs.append(pair)
        active.append(pair)
        return pair

    admit(generator.simplest(), None, 0, "start", None, -90.0, None)
    env_steps = 0
    for t in range(iterations):
        for pair in active:
            pair.skill += pair.ease * (320 - pair.skill) + rng.normal(0, 4)
        shown = [
            None if t in nan_at and pair is active[-1] else round(pair.skill + rng.normal(0, 6), 2) for pair in active
        ]
        for pair, fitness in zip(active, shown, strict=True):
            pair.best = max(pair.best, -1e9 if fitness is None else fitness)
        env_steps += 512 * 700 * len(active)
        row = {
            "event": "iteration",
            "iteration": t,
            "env_steps": env_steps,
            "episodes": 512 * (t + 1),
            "niches": [pair.id for pair in active],
            "fitness": shown,
            "best": [pair.best for pair in active],
            "mean": [pair.skill - 40 for pair in active],
            "length": [float(np.clip(600 + 3 * pair.skill, 50, 2000)) for pair in active],
            "sigma": [max(0.01, 0.1 * 0.999 ** (t - pair.born)) for pair in active],
            "learning_rate": [0.01 * 0.9999 ** (t - pair.born) for pair in active],
            "active": len(active),
            "admitted": len(pairs),
            "best_fitness": max(pair.best for pair in active),
            "wall": {"seconds": 1.5},
        }
        if None in shown:
            row["nonfinite"] = [f"fitness.{shown.index(None)}"]
            broken = {"niche": active[-1].id, "what": "fitness", "count": 1}
            rows.append({"event": "broken", "iteration": t, **broken})
        journal_row = row
        for pair in active:
            if pair.solved is None and pair.skill >= 230:
                pair.solved = t
                fields = {"niche": pair.id, "kind": "solved", "fitness": pair.skill}
                rows.append({"event": "milestone", "iteration": t, **fields})
        if t and t % birth_every == 0:
            parent = active[int(rng.integers(len(active)))]
            for child in range(3):
                genome = mutate(jax.random.key(1000 * t + child), parent.genome, 3.0)
                verdict = ("too_hard", "duplicate", "passed")[child]
                row = {"child": child, "parent": parent.id, "genome": generator.to_json(genome), "verdict": verdict}
                numbers = {"fitness": parent.skill - 60, "novelty": 0.2 if verdict == "passed" else None}
                rows.append({"event": "child", "iteration": t, **row, **numbers})
            source = active[int(rng.integers(len(active)))]
            via = ("direct", "proposal")[int(rng.integers(2))]
            admit(genome, parent.id, t, via, source.id, max(60.0, parent.skill - 80), float(rng.uniform(0, 2)))
            if len(active) > max_niches:
                old = active.pop(0)
                old.retired = t
                end = {"age": t - old.born, "fitness": old.skill, "solved": old.solved is not None}
                rows.append({"event": "retirement", "iteration": t, "niche": old.id, **end})
        if t % 10 == 0 and len(active) > 1:
            scores = [[b.skill - 30 * abs(a.id - b.id) for b in active] for a in active]
            accepted = []
            for target in active:
                source = active[int(rng.integers(len(active)))]
                if source is not target and rng.random() < 0.4:
                    via = ("direct", "proposal")[int(rng.integers(2))]
                    fields = {"target": target.id, "source": source.id, "via": via}
                    fields |= {"fitness": target.skill + 15, "incumbent": target.skill}
                    accepted.append({"event": "transfer", "iteration": t, **fields})
                    target.skill += 15
            tried = len(active) * (len(active) - 1)
            fields = {"rule": "original", "attempts": tried, "proposals": tried, "accepted": len(accepted)}
            ids = [pair.id for pair in active]
            rows += [
                {"event": "transfers", "iteration": t, **fields, "scores": scores, "niches": ids},
                *accepted,
            ]
        journal_row["solved"] = sum(pair.solved is not None for pair in pairs)
        rows.append(journal_row)  # the last of its iteration
    options = poet_options(config, policy, iterations, max_niches)
    identity = {
        "generator": {"id": generator.id, "version": generator.version},
        "interface": interface_to_dict(interface),
    }
    write_run(folder, options, rows, view="niches", headline=HEADLINE, identity=identity)
    admissions = {row["niche"]: row for row in rows if row["event"] == "admission"}
    for pair in pairs:
        row = admissions[pair.id]
        fields = {name: value for name, value in row.items() if name not in ("event", "iteration", "niche")}
        fields |= {"id": pair.id, "born": pair.born, "retired": pair.retired, "solved": pair.solved}
        agents = {name: weights(num_params, 3 * pair.id + k) for k, name in enumerate(("admission", "best"))}
        if pair.retired is not None:
            agents["retirement"] = weights(num_params, 3 * pair.id + 2)
        write_artifact(folder / "niches" / str(pair.id), Record(fields, agents))
    return folder


if __name__ == "__main__":
    config = generators.get(sys.argv[2])() if len(sys.argv) > 2 else HillsConfig()
    length = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    print(fake_run(Path(sys.argv[1]), config, length))
