"""A worker process: it runs simulators for the engine `host`, one for each of its lanes. Knows nothing of policies.

Messages are pickled tuples. From the engine: a list of `Begin`, one of `Act`, and the lanes that are not needed any
more. From the worker: ("done", `Began` of the episodes that began, `Acted` of the lanes that acted), or ("error",
text). The process ends with the connection.
"""

import collections
import multiprocessing.connection
import pickle
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from poet.envs.host import snapshot_bytes

MAX_FREE = 256  # simulators that are kept for the next episodes


class Begin(NamedTuple):
    """Start an episode in a lane, or continue it where the actions of `history` lead, or from a snapshot.

    It is truncated after `limit` more steps; rewards are added to `fitness`.
    """

    lane: int
    genome: Any
    seed: int
    limit: int
    history: Sequence[np.ndarray] | np.ndarray = ()
    fitness: float = 0.0
    snapshot: bytes | None = None
    keep: bool = False  # whether snapshots of the episode are wanted


class Began(NamedTuple):
    """The state in which an episode begins; the observation is None where it continues from a snapshot."""

    obs: Any
    snapshot: bytes | None


class Act(NamedTuple):
    """Advance a lane by one action."""

    lane: int
    action: np.ndarray | np.integer


class Acted(NamedTuple):
    """What came of an action. The last three fields are of the whole episode, and given when it has ended."""

    obs: Any
    reward: float
    ended: bool
    snapshot: bytes | None = None
    fitness: float = 0.0
    success: float = 1.0
    descriptor: np.ndarray | None = None


class _Simulators:
    """Makes simulators, and keeps some of those that an episode has left where a snapshot can be restored in them."""

    def __init__(self, environment: Any) -> None:
        self.environment = environment
        self._free = collections.deque[tuple[bytes, Any]](maxlen=MAX_FREE if snapshot_bytes(environment) else 0)

    def make(self, genome: Any) -> Any:
        return self.environment.make_simulator(genome)

    def take(self, genome: Any) -> Any:
        """One in any state."""
        level = pickle.dumps(genome)
        for number, (known, simulator) in enumerate(self._free):
            if known == level:
                del self._free[number]
                return simulator
        return self.make(genome)

    def leave(self, genome: Any, simulator: Any) -> None:
        if len(self._free) == self._free.maxlen:
            simulator.close()
        else:
            self._free.append((pickle.dumps(genome), simulator))


class _Lane:
    """An episode in progress."""

    def __init__(self, simulators: _Simulators, begin: Begin) -> None:
        self.simulators, self.genome, self.keep = simulators, begin.genome, begin.keep
        self.left, self.fitness = begin.limit, np.float32(begin.fitness)
        self.simulator: Any
        if begin.snapshot is not None:
            self.simulator = simulators.take(begin.genome)
            self.simulator.restore(begin.snapshot)
            self.began = Began(None, None)
            return
        self.simulator = simulators.make(begin.genome)
        obs = _plain(self.simulator.reset(begin.seed))
        for action in begin.history:
            obs = _plain(self.simulator.step(action).obs)
        self.began = Began(obs, self.snapshot())

    def snapshot(self) -> bytes | None:
        return self.simulator.snapshot() if self.keep else None

    def leave(self) -> None:
        if self.simulator is not None:
            self.simulators.leave(self.genome, self.simulator)
        self.simulator = None

    def act(self, action: np.ndarray | np.integer) -> Acted:
        step = self.simulator.step(action)
        obs = _plain(step.obs)
        self.left -= 1
        with np.errstate(all="ignore"):
            self.fitness = np.float32(self.fitness + np.float32(step.reward))
        if not (step.terminated or self.left <= 0 or not np.isfinite(self.fitness)):
            return Acted(obs, float(step.reward), False, self.snapshot())
        success = float(getattr(self.simulator, "success", lambda: 1.0)())
        descriptor = np.asarray(getattr(self.simulator, "descriptor", lambda: np.zeros(0))(), np.float32)
        self.leave()
        return Acted(obs, float(step.reward), True, None, float(self.fitness), success, descriptor)


def _plain(obs: Any) -> Any:
    """An array, or the arrays of a NamedTuple, whose class the engine may not have."""
    return tuple(obs) if isinstance(obs, tuple) else obs


def serve(file: int) -> None:
    """Answer messages until the engine closes the connection, which has this file descriptor."""
    connection = multiprocessing.connection.Connection(file)
    path, environment = pickle.loads(connection.recv_bytes())
    sys.path[:] = path
    lanes: dict[int, _Lane] = {}
    try:
        simulators = _Simulators(pickle.loads(environment))
        connection.send(("done", [], []))
        while True:
            begins, acts, ends = connection.recv()
            for lane in [lane for lane in ends if lane in lanes]:
                lanes.pop(lane).leave()
            for begin in begins:
                lanes[begin.lane] = _Lane(simulators, begin)
            acted = [lanes[act.lane].act(act.action) for act in acts]
            connection.send(("done", [lanes[begin.lane].began for begin in begins], acted))
    except (EOFError, BrokenPipeError):  # the engine is gone
        return
    except Exception as error:  # a simulator may fail in any way
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"line {place.lineno} of {place.filename.rpartition('/')[2]}"
        connection.send(("error", f"{type(error).__name__}: {error} ({where})"))
