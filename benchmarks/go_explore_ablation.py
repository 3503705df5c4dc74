"""Steps to the goal by Go-Explore and by two ablations: rollouts that all begin at the root, and cells drawn uniformly.

    python -m benchmarks.go_explore_ablation [--tasks maze] [--seeds 10] [--max-steps 3000000]

Tasks in grids need the extra `xland-minigrid`. Each search runs to its first episode that ends at the goal, at most
`--max-steps`; intervals are 95 % of the median by bootstrap.
"""

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

import poet
from poet.archives.select import Selection
from poet.archives.selections import SelectionConfig, UniformConfig
from poet.search.go_explore.config import GoExploreConfig
from poet.search.go_explore.presets import TINY


@dataclasses.dataclass(frozen=True)
class RootConfig(SelectionConfig):
    """Every rollout begins where the run began."""

    id: ClassVar[str] = "root"

    def make(self) -> Selection:
        """The selection: the root has the first row."""
        return Selection(lambda elites: (jnp.arange(elites.fitness.shape[0]) == 0).astype(jnp.float32))


def maze() -> Any:
    """The deceptive maze with a fast robot; its horizon is no limit here."""
    generator = dataclasses.replace(TINY.generator, horizon=100_000)  # type: ignore[type-var]
    return dataclasses.replace(TINY, generator=generator, search=GoExploreConfig(rounds=1))


def grid(env: str) -> Callable[[], Any]:
    """A task of XLand-MiniGrid: the preset with another environment."""

    def make() -> Any:
        preset: Any = poet.presets.get("go-explore-minigrid")
        generator = dataclasses.replace(preset.generator, env=env)
        return dataclasses.replace(preset, generator=generator, search=dataclasses.replace(preset.search, rounds=2))

    return make


TASKS: dict[str, Callable[[], Any]] = {
    "maze": maze,
    "DoorKey-16x16": grid("MiniGrid-DoorKey-16x16"),
    "LockedRoom": grid("MiniGrid-LockedRoom"),
    "BlockedUnlockPickUp": grid("MiniGrid-BlockedUnlockPickUp"),
}
VARIANTS: dict[str, dict[str, Any]] = {
    "Go-Explore": {},
    "uniform weights": {"selection": UniformConfig()},
    "from the root": {"selection": RootConfig()},
}


def steps_to_goal(config: Any, seeds: range, max_steps: int) -> list[float]:
    """Of each seed the steps until an episode ended at the goal; infinity where none did."""
    search = poet.build_search(config.resolve())
    found = []
    for seed in seeds:
        state, reached = search.init(jax.random.key(seed)), False
        while not reached and int(state.env_steps) < max_steps:
            state, info = search.step(state)
            reached = (info.metrics["best_ended"] or 0.0) > 0
        found.append(float(state.env_steps) if reached else np.inf)
    search.close()
    return found


def interval(values: list[float]) -> tuple[float, float]:
    """95 % of the medians of samples with replacement."""
    medians = np.median(np.random.default_rng(0).choice(values, (2000, len(values))), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975], method="nearest")
    return float(low), float(high)


def text(steps: float, max_steps: int) -> str:
    """Steps in thousands."""
    return f"{steps / 1e3:.0f} k" if np.isfinite(steps) else f"> {max_steps / 1e3:.0f} k"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", nargs="+", default=["maze"], choices=TASKS)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--max-steps", type=int, default=3_000_000)
    options = parser.parse_args()
    print("| task | search | goal reached | median steps | interval |")
    print("| --- | --- | --- | --- | --- |")
    for task in options.tasks:
        for variant, changes in VARIANTS.items():
            config = TASKS[task]()
            config = dataclasses.replace(config, search=dataclasses.replace(config.search, **changes))
            steps = steps_to_goal(config, range(options.seeds), options.max_steps)
            low, high = interval(steps)
            reached = f"{np.isfinite(steps).sum()} of {len(steps)}"
            shown = [text(each, options.max_steps) for each in (float(np.median(steps)), low, high)]
            print(f"| {task} | {variant} | {reached} | {shown[0]} | {shown[1]} to {shown[2]} |", flush=True)


if __name__ == "__main__":
    main()
