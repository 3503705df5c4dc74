"""Does an environment of simulators keep the contract of `poet.envs.host.HostEnvironment`?"""

import pickle
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from poet.envs.base import Interface
from poet.envs.host import HostEnvironment, HostStep, Simulator, snapshot_bytes
from poet.envs.testing.common import (
    Progress,
    Report,
    call,
    check_coordinates,
    check_hashable,
    check_members,
    check_picture,
    check_within,
    fail,
    print_to_stderr,
    require,
    same_bits,
)
from poet.envs.testing.environments import check_interface
from poet.envs.testing.episodes import ACTION_KINDS, make_actions
from poet.jax_settings import pinned
from poet.typed_config import check_value
from poet.types import Genome, PyTree

NUM_EPISODES = 12
MAX_SNAPSHOTS = 100  # steps of an episode
SEEDS = (1, 2**32 - 1)


class Played(NamedTuple):
    """One episode.

    Attributes:
      obs: all observations, the first one included.
      rewards: f64[T].
      success, descriptor: at the end.
    """

    obs: list[PyTree]
    rewards: Float[np.ndarray, "T"]
    success: float
    descriptor: np.ndarray


@pinned()
def check_host_environment(
    environment: HostEnvironment,
    genomes: Sequence[Genome],
    deterministic: bool = False,
    report: Report = print_to_stderr,
) -> None:
    """Check an environment of simulators, with 12 episodes in this process.

    A third of the episodes has random actions, a third random actions at the bounds, a third one constant action.

    Args:
      environment: the environment.
      genomes: at least one valid genome, with NumPy leaves.
      deterministic: whether episodes must not depend on the seed.
      report: gets a line for each group of checks, with the seconds since the start.

    Raises `ContractError` with what was expected, what was found, and what to do.
    """
    genomes = check_value("genomes", tuple[Any, ...], genomes)
    check_value("deterministic", bool, deterministic)
    play_host_environment(environment, genomes, deterministic, Progress(environment, report))


def play_host_environment(
    environment: HostEnvironment, genomes: Sequence[Genome], deterministic: bool, progress: Progress
) -> tuple[np.ndarray, list[Played]]:
    """`check_host_environment`, which also returns the kinds of the actions and the episodes."""
    progress("environment: interface, and a copy by pickle as workers get it")
    check_members("environment", environment, ("interface", "make_simulator"))
    check_hashable("environment", environment)
    interface = check_interface(environment)
    advice = "workers get a copy: define its class in a module that can be imported, with plain values"
    copy = call("pickle of the environment", advice, lambda: pickle.loads(pickle.dumps(environment)))
    require(copy == environment, f"a pickled copy of the environment must equal it, but it does not: {advice}")
    names = getattr(environment, "descriptor_names", ())
    if names:
        check_coordinates("descriptor", names, getattr(environment, "descriptor_bounds", None))
    require(len(genomes) > 0, "check_host_environment expects at least one genome, got none: pass one to simulate")

    progress(f"environment: {NUM_EPISODES} episodes of up to {interface.horizon} steps")
    kinds = np.arange(NUM_EPISODES) % len(ACTION_KINDS)
    actions = make_actions(interface.action, kinds, interface.horizon)
    genomes = [jax.tree.map(np.asarray, genomes[number % len(genomes)]) for number in range(NUM_EPISODES)]
    played = [_play(environment, interface, *each, SEEDS[0]) for each in zip(genomes, actions)]
    for episode in played:
        require(0 <= episode.success <= 1, f"success() must lie in [0, 1], got {episode.success}: clip it")
        require(
            episode.descriptor.shape == (len(names),),
            f"descriptor() must give f32[{len(names)}], one number for each of descriptor_names {names}, got "
            f"{episode.descriptor!r:.100}: return what is declared",
        )
    for number, name in enumerate(names):
        low, high = environment.descriptor_bounds[number]  # pyright: ignore[reportAttributeAccessIssue]
        values = np.array([episode.descriptor[number] for episode in played])
        check_within(f"descriptor {name!r} at the end of an episode", low, high, values)

    progress("environment: the same episodes again, after others" + deterministic * " and with another seed")
    for number in range(NUM_EPISODES)[::-1]:
        again = _play(environment, interface, genomes[number], actions[number], SEEDS[deterministic])
        if not same_bits(again._asdict(), played[number]._asdict()):
            fail(
                "expected equal episodes for the same genome, seed and actions, but two differ: take all randomness "
                "from the seed, and keep no state outside of the simulator"
                + deterministic
                * " (or deterministic is declared, and the episode depends on the seed)"
            )
    if largest := snapshot_bytes(environment):
        progress("environment: episodes that continue from snapshots, in new simulators and in used ones")
        _check_snapshots(environment, genomes[0], actions[0], largest)
    _check_picture(environment, genomes[0], actions[0])
    return kinds, played


def _play(environment: HostEnvironment, interface: Interface, genome: Genome, actions: np.ndarray, seed: int) -> Played:
    simulator: Any = call("make_simulator", "it must take every genome", environment.make_simulator, genome)
    require(
        isinstance(simulator, Simulator),
        f"make_simulator must give a simulator with reset, step and close, got {type(simulator).__name__}: define them",
    )
    obs = [_checked_obs("reset", interface, call("reset", "it must take seeds below 2**32", simulator.reset, seed))]
    rewards, terminated = [], False
    for action in actions:
        step = call("step", "it must take every action of the interface", simulator.step, action)
        require(
            isinstance(step, HostStep),
            f"step must return a poet.envs.host.HostStep, got {type(step).__name__}: return it",
        )
        obs.append(_checked_obs("step", interface, step.obs))
        require(
            bool(np.isfinite(step.reward)),
            f"reward must be a finite number, got {step.reward!r}: bound the dynamics, or terminate earlier",
        )
        rewards.append(float(step.reward))
        terminated = bool(step.terminated)
        if terminated:
            break
    success = call("success", "it must return a number", getattr(simulator, "success", lambda: 1.0))
    descriptor = call("descriptor", "it must return numbers", getattr(simulator, "descriptor", lambda: np.zeros(0)))
    call("close", "it must end the simulator", simulator.close)
    return Played(obs, np.array(rewards), float(success), np.asarray(descriptor, np.float32))


def _checked_obs(name: str, interface: Interface, obs: PyTree) -> PyTree:
    declared = interface.obs
    if jax.tree.structure(obs) != jax.tree.structure(declared):
        fail(f"obs of {name} must be like interface.obs {declared}, got {obs!r:.200}: return what it declares")
    for array, expected in zip(jax.tree.leaves(obs), jax.tree.leaves(declared)):
        found = np.asarray(array)
        if (found.shape, found.dtype) != (expected.shape, expected.dtype):
            fail(
                f"obs of {name} must be {expected.dtype}{list(expected.shape)}, got {found.dtype}{list(found.shape)}: "
                "return what interface.obs declares"
            )
        if not np.isfinite(found.astype(np.float64)).all():
            fail(f"obs of {name} must be finite, got {found!r:.100}: bound the dynamics, or terminate earlier")
    return jax.tree.map(np.array, obs)


def _check_snapshots(environment: HostEnvironment, genome: Genome, actions: np.ndarray, largest: int) -> None:
    """An episode that continues from a snapshot must be the one that was never interrupted."""
    simulator: Any = environment.make_simulator(genome)
    simulator.reset(SEEDS[0])
    steps, states = [], [simulator.snapshot()]
    for action in actions[:MAX_SNAPSHOTS]:
        steps.append(simulator.step(action))
        if steps[-1].terminated:
            break
        states.append(call("snapshot", "it must take every state of a running episode", simulator.snapshot))
    require(
        all(isinstance(state, bytes) and len(state) <= largest for state in states),
        f"snapshot() must give at most snapshot_bytes = {largest} bytes, got {max(map(len, states))}: declare the most",
    )
    for at in range(0, len(steps), max(1, len(steps) // 4)):
        others: list[Any] = [environment.make_simulator(genome), simulator]
        for other in others:
            call("restore", "it must take every snapshot, also after an episode has ended", other.restore, states[at])
            again = [other.step(action) for action in actions[at : len(steps)]]
            if not same_bits([step._asdict() for step in again], [step._asdict() for step in steps[at:]]):
                fail(
                    f"expected the same steps after restore() of the snapshot at step {at}, but they differ: snapshots "
                    "must hold everything that later steps depend on, random numbers included"
                )


def _check_picture(environment: HostEnvironment, genome: Genome, actions: np.ndarray) -> None:
    simulator: Any = environment.make_simulator(genome)
    if hasattr(simulator, "render"):
        simulator.reset(SEEDS[0])
        simulator.step(actions[0])
        check_picture("render()", call("render", "it must draw every state", simulator.render))
    simulator.close()
