"""An agent without JAX: reads `weights.npz` beside this file and acts, with NumPy alone.

    from policy import load
    act = load()
    action = act(observation)

If its environment exists in gymnasium, `python policy.py --episodes 10` runs it (pip install 'gymnasium[box2d]').
For any other, `poet.envs.gymnasium_env.LevelEnv` makes an environment of gymnasium, and `run_episode(act, env, seed)`
of this file runs the agent in it.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

WEIGHTS = Path(__file__).with_name("weights.npz")


def load(path: Path | str = WEIGHTS) -> Callable[[np.ndarray], np.ndarray]:
    """The agent as a function from an observation to an action."""
    return make_policy(*read(path))


def read(path: Path | str) -> tuple[list[tuple[np.ndarray, np.ndarray]], dict]:
    """Layers as (kernel f32[in, out], bias f32[out]), and the facts about the agent and its action space."""
    with np.load(path) as file:
        meta = json.loads(str(file["meta"]))
        layers = [(file[f"kernel{number}"], file[f"bias{number}"]) for number in range(meta["layers"])]
    return layers, meta


def make_policy(layers: Sequence[tuple[np.ndarray, np.ndarray]], meta: dict) -> Callable[[np.ndarray], np.ndarray]:
    """The function from an observation to an action that `read` describes."""

    def act(observation: np.ndarray) -> np.ndarray:
        x = np.asarray(observation, np.float32).reshape(-1)
        for kernel, bias in layers:
            x = np.tanh(x @ kernel + bias)
        if meta["action"] == "box":
            centre, half = (meta["high"] + meta["low"]) / 2, (meta["high"] - meta["low"]) / 2
            return (centre + half * x).reshape(meta["shape"]).astype(np.float32)
        choices = [int(np.argmax(part)) for part in np.split(x, np.cumsum(meta["nums"])[:-1])]
        return np.array(choices[0] if meta["action"] == "discrete" else choices, np.int32)

    return act


def run_episode(act: Callable[[np.ndarray], np.ndarray], env, seed: int) -> tuple[float, int]:
    """Return and length of one episode in a gymnasium environment."""
    observation, _ = env.reset(seed=seed)
    total, length, done = 0.0, 0, False
    while not done:
        observation, reward, terminated, truncated, _ = env.step(act(observation))
        total, length, done = total + float(reward), length + 1, terminated or truncated
    return total, length


def main() -> None:
    """Run episodes in gymnasium and print their returns."""
    _, meta = read(WEIGHTS)
    if meta["gymnasium"] is None:
        raise SystemExit(
            f"{meta['interface']!r} has no counterpart in gymnasium: import load() and run_episode() from this file, "
            "and make an environment with poet.envs.gymnasium_env.LevelEnv, which needs the package poet-evolution"
        )
    parser = argparse.ArgumentParser(description=f"Run this agent in gymnasium's {meta['gymnasium']}.")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--watch", action="store_true", help="open a window")
    options = parser.parse_args()
    import gymnasium

    env = gymnasium.make(meta["gymnasium"], render_mode="human" if options.watch else None)
    act, returns = load(), []
    for number in range(options.episodes):
        total, length = run_episode(act, env, options.seed + number)
        returns.append(total)
        print(f"episode {number}: return {total:.1f} in {length} steps")
    print(f"mean {np.mean(returns):.1f}, std {np.std(returns):.1f} over {len(returns)} episodes")
    env.close()


if __name__ == "__main__":
    main()
