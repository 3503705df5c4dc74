"""A run folder as a POET run would leave it, without running one: for tests, and to look at pictures.

`python tests/view/fake_run.py FOLDER [generator] [iterations]` writes one by hand.
"""

import dataclasses
import json
import sys
from pathlib import Path

import jax
import numpy as np

from poet.agents.config import PolicyConfig
from poet.agents.policy import mlp
from poet.envs.registry import GeneratorConfig, config_class
from poet.runs.config import PoetRun
from poet.search.poet.config import PoetConfig
from tests.view.toy import HillsConfig

SMALL = PolicyConfig(hidden=(4,))


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


def weights(size, seed):
    return np.random.default_rng(seed).normal(0, 0.3, size).astype(np.float32)


def fake_run(
    folder: Path,
    generator: GeneratorConfig = HillsConfig(),  # noqa: B008
    iterations: int = 200,
    max_niches: int = 20,
    birth_every: int = 6,
    policy: PolicyConfig = SMALL,
    nan_at: tuple[int, ...] = (),
    seed: int = 0,
) -> Path:
    """Write `folder` and return it; `nan_at` lists iterations at which the youngest niche's fitness is NaN."""
    rng = np.random.default_rng(seed)
    search = PoetConfig(max_niches=max_niches)
    config = PoetRun(iterations=iterations, generator=generator, policy=policy, search=search)
    made = generator.make()
    num_params = mlp(made.environment.interface, policy).num_params
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "niches").mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    (folder / "run.json").write_text(json.dumps({"format": 1, "name": folder.name, "sessions": []}))
    rows, pairs, active = [], [], []
    mutate, features = jax.jit(made.mutate), jax.jit(made.features)

    def meta(pair, via, agent_from, fitness, novelty):
        values = np.asarray(features(pair.genome)).tolist()
        return {
            "genome": made.to_json(pair.genome),
            "description": made.describe(pair.genome),
            "features": dict(zip(made.feature_names, values, strict=True)),
            "difficulty": made.difficulty_class(pair.genome),
            "novelty": novelty,
            "fitness": fitness,
            "agent_from": agent_from,
            "via": via,
        }

    def admit(genome, parent, at, via, source, fitness, novelty):
        pair = Pair(len(pairs), parent, genome, at, fitness, float(rng.uniform(0.004, 0.03)))
        said = meta(pair, via, source, fitness, novelty)
        rows.append({"event": "admission", "iteration": at, "niche": pair.id, "parent": parent, **said})
        pairs.append(pair)
        active.append(pair)
        return pair

    admit(made.simplest(), None, 0, "start", None, -90.0, None)
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
            "ever": len(pairs),
            "wall": {"seconds": 1.5},
        }
        if None in shown:
            row["nonfinite"] = [f"fitness.{shown.index(None)}"]
            broken = {"niche": active[-1].id, "what": "fitness", "count": 1}
            rows.append({"event": "broken", "iteration": t, **broken})
        rows.append(row)
        for pair in active:
            if pair.solved is None and pair.skill >= 230:
                pair.solved = t
                said = {"niche": pair.id, "kind": "solved", "fitness": pair.skill}
                rows.append({"event": "milestone", "iteration": t, **said})
        if t and t % birth_every == 0:
            parent = active[int(rng.integers(len(active)))]
            for trial in range(3):
                genome = mutate(jax.random.key(1000 * t + trial), parent.genome, 3.0)
                verdict = ("too_hard", "duplicate", "passed")[trial]
                row = {"trial": trial, "parent": parent.id, "genome": made.to_json(genome), "verdict": verdict}
                numbers = {"fitness": parent.skill - 60, "novelty": 0.2 if verdict == "passed" else None}
                rows.append({"event": "trial", "iteration": t, **row, **numbers})
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
                    said = {"target": target.id, "source": source.id, "via": via}
                    said |= {"fitness": target.skill + 15, "incumbent": target.skill}
                    accepted.append({"event": "transfer", "iteration": t, **said})
                    target.skill += 15
            tried = len(active) * (len(active) - 1)
            said = {"rule": "original", "attempts": tried, "proposals": tried, "accepted": len(accepted)}
            ids = [pair.id for pair in active]
            rows += [
                {"event": "transfers", "iteration": t, **said, "scores": scores, "niches": ids},
                *accepted,
            ]
    (folder / "journal.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    admissions = {row["niche"]: row for row in rows if row["event"] == "admission"}
    for pair in pairs:
        row = admissions[pair.id]
        said = {name: value for name, value in row.items() if name not in ("event", "iteration", "niche")}
        said |= {"id": pair.id, "born": pair.born, "retired": pair.retired, "solved": pair.solved}
        (folder / "niches" / f"{pair.id}.json").write_text(json.dumps(said))
        agents = {name: weights(num_params, 3 * pair.id + k) for k, name in enumerate(("admission", "best"))}
        if pair.retired is not None:
            agents["retirement"] = weights(num_params, 3 * pair.id + 2)
        np.savez(folder / "niches" / f"{pair.id}.npz", **agents)
    return folder


if __name__ == "__main__":
    family = config_class(sys.argv[2])() if len(sys.argv) > 2 else HillsConfig()
    length = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    print(fake_run(Path(sys.argv[1]), family, length, policy=PolicyConfig() if family.id == "walker" else SMALL))
