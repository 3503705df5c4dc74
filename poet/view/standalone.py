"""An agent without JAX: NumPy alone reads `weights.npz` beside this file and acts.

    from policy import load
    act = load()
    action = act(observation)

If its world exists in gymnasium, `python policy.py --episodes 10` runs it there (pip install 'gymnasium[box2d]').
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

WEIGHTS = Path(__file__).with_name("weights.npz")


def load(path: Path | str = WEIGHTS) -> Callable[[np.ndarray], np.ndarray]:
    """The agent as a function from an observation to an action."""
    layers, about = read(path)

    def act(observation: np.ndarray) -> np.ndarray:
        x = np.asarray(observation, np.float32).reshape(-1)
        for kernel, bias in layers:
            x = np.tanh(x @ kernel + bias)
        if about["action"] == "box":
            centre, half = (about["high"] + about["low"]) / 2, (about["high"] - about["low"]) / 2
            return (centre + half * x).reshape(about["shape"]).astype(np.float32)
        choices = [int(np.argmax(part)) for part in np.split(x, np.cumsum(about["nums"])[:-1])]
        return np.array(choices[0] if about["action"] == "discrete" else choices, np.int32)

    return act


def read(path: Path | str) -> tuple[list[tuple[np.ndarray, np.ndarray]], dict]:
    """Layers as (kernel f32[in, out], bias f32[out]), and what is known about the agent and its action."""
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
        layers = [(file[f"kernel{number}"], file[f"bias{number}"]) for number in range(about["layers"])]
    return layers, about


def episode(act: Callable[[np.ndarray], np.ndarray], world, seed: int) -> tuple[float, int]:
    """Return and length of one episode in a gymnasium environment."""
    observation, _ = world.reset(seed=seed)
    total, length, over = 0.0, 0, False
    while not over:
        observation, reward, terminated, truncated, _ = world.step(act(observation))
        total, length, over = total + float(reward), length + 1, terminated or truncated
    return total, length


def main() -> None:
    """Run episodes in gymnasium and print their returns."""
    _, about = read(WEIGHTS)
    if about["gymnasium"] is None:
        raise SystemExit(f"{about['interface']} has no counterpart in gymnasium: import load() from here instead")
    parser = argparse.ArgumentParser(description=f"Run this agent in gymnasium's {about['gymnasium']}.")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--watch", action="store_true", help="open a window")
    options = parser.parse_args()
    import gymnasium

    world = gymnasium.make(about["gymnasium"], render_mode="human" if options.watch else None)
    act, returns = load(), []
    for number in range(options.episodes):
        total, length = episode(act, world, options.seed + number)
        returns.append(total)
        print(f"episode {number}: return {total:.1f} in {length} steps")
    print(f"mean {np.mean(returns):.1f}, std {np.std(returns):.1f} over {len(returns)} episodes")
    world.close()


if __name__ == "__main__":
    main()
