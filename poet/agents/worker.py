"""A worker process: it runs simulators for the engine `host`, one for each of its lanes. Knows nothing of policies.

Messages are pickled tuples. From the engine: a list of `Begin`, one of `Act`, and the lanes that are not needed any
more. From the worker: ("done", observations of the episodes that began, `Acted` of the lanes that acted), or ("error",
text). The process ends with the connection.
"""

import multiprocessing.connection
import pickle
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Begin(NamedTuple):
    """Start an episode in a lane, or continue it where the actions of `history` lead.

    It is truncated after `limit` steps, those of `history` included; rewards are added to `fitness`.
    """

    lane: int
    genome: Any
    seed: int
    limit: int
    history: Sequence[np.ndarray] | np.ndarray = ()
    fitness: float = 0.0


class Act(NamedTuple):
    """Advance a lane by one action."""

    lane: int
    action: np.ndarray | np.integer


class Acted(NamedTuple):
    """What came of an action. The last three fields are of the whole episode, and given when it has ended."""

    obs: Any
    reward: float
    ended: bool
    fitness: float = 0.0
    success: float = 1.0
    descriptor: np.ndarray | None = None


class _Lane:
    """An episode in progress."""

    def __init__(self, environment: Any, begin: Begin) -> None:
        self.simulator = environment.make_simulator(begin.genome)
        self.obs = _plain(self.simulator.reset(begin.seed))
        for action in begin.history:
            self.obs = _plain(self.simulator.step(action).obs)
        self.left, self.fitness = begin.limit - len(begin.history), np.float32(begin.fitness)

    def act(self, action: np.ndarray | np.integer) -> Acted:
        step = self.simulator.step(action)
        obs = _plain(step.obs)
        self.left -= 1
        with np.errstate(all="ignore"):
            self.fitness = np.float32(self.fitness + np.float32(step.reward))
        if not (step.terminated or self.left <= 0 or not np.isfinite(self.fitness)):
            return Acted(obs, float(step.reward), False)
        success = float(getattr(self.simulator, "success", lambda: 1.0)())
        descriptor = np.asarray(getattr(self.simulator, "descriptor", lambda: np.zeros(0))(), np.float32)
        self.simulator.close()
        return Acted(obs, float(step.reward), True, float(self.fitness), success, descriptor)


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
        environment = pickle.loads(environment)
        connection.send(("done", [], []))
        while True:
            begins, acts, ends = connection.recv()
            for lane in ends:
                lanes.pop(lane, None)
            for begin in begins:
                lanes[begin.lane] = _Lane(environment, begin)
            acted = [lanes[act.lane].act(act.action) for act in acts]
            connection.send(("done", [lanes[begin.lane].obs for begin in begins], acted))
    except (EOFError, BrokenPipeError):  # the engine is gone
        return
    except Exception as error:  # a simulator may fail in any way
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"line {place.lineno} of {place.filename.rpartition('/')[2]}"
        connection.send(("error", f"{type(error).__name__}: {error} ({where})"))
