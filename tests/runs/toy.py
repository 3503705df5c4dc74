"""A search that costs nothing: random walks with a key, 64-bit integers and floats. Also a program that tests kill."""

import argparse
import dataclasses
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poet.registry import register
from poet.runs import cache
from poet.runs.identity import claim
from poet.runs.progress import Reporter
from poet.runs.runner import RunOutcome, run_search
from poet.search.base import Info, Record, RunContext, Search
from poet.search.config import RunConfig, StopConfig


@register
@dataclasses.dataclass(frozen=True)
class ToyConfig(RunConfig):
    id: ClassVar[str] = "toy-walk"
    view: ClassVar[str] = "journal"

    iterations: int = 6
    checkpoint_every: int = 2
    keep_every: int = 4
    step_size: float = 0.5

    def make(self, context: RunContext) -> Search:
        return walk(self)


class WalkState(NamedTuple):
    key: Any
    iteration: np.ndarray
    env_steps: np.ndarray
    position: Any
    visits: np.ndarray


@jax.jit
def _move(key, position, size):
    return position + size * jax.random.normal(key, position.shape)


def walk(config: ToyConfig, pause_s: float = 0.0, size: int = 4) -> Search:
    def init(key) -> WalkState:
        zero = np.zeros((), np.int64)
        return WalkState(key, np.zeros((), np.int32), zero, jnp.zeros((size,), jnp.float32), np.zeros((3,), np.int64))

    def step(state: WalkState) -> tuple[WalkState, Info]:
        time.sleep(pause_s)
        iteration = int(state.iteration)
        position = _move(jax.random.fold_in(state.key, iteration), state.position, config.step_size)
        visits = state.visits.copy()
        env_steps = np.asarray(state.env_steps + 100)
        visits[iteration % 3] += 2**40
        after = WalkState(state.key, np.asarray(iteration + 1, np.int32), env_steps, position, visits)
        best = float(position.max())
        events: list[dict[str, Any]] = []
        if iteration % 3 == 0:
            events.append(
                {"event": "milestone", "iteration": iteration, "niche": iteration, "fitness": np.float32(best)}
            )
        metrics = {"env_steps": int(after.env_steps), "best": [best, np.nan]}

        def niche() -> Record:
            return Record({"id": iteration, "born": iteration}, {"admission": np.asarray(position)})

        def elites() -> Record:  # one for each step; the latest has the position
            fitness = np.arange(iteration + 1, dtype=np.float32)
            params = np.outer(fitness == iteration, np.asarray(position))
            meta = {"iteration": iteration + 1, "spec": {"id": "grid", "shape": [99], "bounds": [[0, 1]]}}
            return Record(meta, {"fitness": fitness, "params": params, "none": params[:, :0]})

        return after, Info(
            tuple(events), metrics, {f"niches/{iteration}": niche}, {"elites": elites}, {"rollout_s": pause_s}
        )

    return Search(init, step, headline=("best",))


def toy_run(path: Path, config: ToyConfig | None = None, search: Search | None = None, **options: Any) -> RunOutcome:
    config = config or ToyConfig()
    options.setdefault("reporter", Reporter())
    with claim(path, config) as run:
        return run_search(search or walk(config), config, path, run, **options)


def _die_in_save(place: str) -> None:
    """Die by signal 9 just before a written checkpoint ("checkpoints/6") or snapshot gets its final name."""
    rename_file = os.rename

    def rename(source, target, *args, **kwargs):
        if Path(target).as_posix().endswith(f"/{place}"):
            os.kill(os.getpid(), signal.SIGKILL)
        rename_file(source, target, *args, **kwargs)

    os.rename = rename


def _die_in_cache() -> None:
    """Die by signal 9 in the middle of the first write of a compiled program."""
    replace_file = os.replace

    def replace(source, target, *args, **kwargs):
        if str(target).endswith(cache.SUFFIX):
            os.truncate(source, os.path.getsize(source) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        replace_file(source, target, *args, **kwargs)

    cache.CheckedCache.get = lambda self, key: None  # so that there is something to compile and to write
    os.replace = replace


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("path", type=Path)
    options.add_argument("--iterations", type=int, default=6)
    options.add_argument("--pause", type=float, default=0.0)
    options.add_argument("--stop-at", type=int, help="number of environment steps that --stop.at-least names")
    options.add_argument("--die-in-save")
    options.add_argument("--die-in-cache", action="store_true")
    given = options.parse_args()
    cache.use_cache()
    if given.die_in_cache:
        _die_in_cache()
    if given.die_in_save is not None:
        _die_in_save(given.die_in_save)
    rule = StopConfig() if given.stop_at is None else StopConfig(metric="env_steps", at_least=given.stop_at)
    settings = ToyConfig(iterations=given.iterations, stop=rule)
    outcome = toy_run(given.path, settings, walk(settings, given.pause))
    sys.exit(0 if outcome.finished else 3)
