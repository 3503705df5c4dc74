"""The worker processes of the engine `host`: started when they are needed, replaced when they are lost."""

import contextlib
import multiprocessing.connection
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt32

from poet.agents.worker import Act, Acted, Began, Begin
from poet.envs.episode_keys import reset_key
from poet.envs.host import History, HostEnvironment, Snapshot
from poet.errors import ContractError
from poet.types import Genome, PyTree

START_S = 120.0  # for a worker to import the environment


class Answers(NamedTuple):
    """Of all workers.

    Attributes:
      began: the state in which each lane began.
      acted: what came of each action, by lane.
      lost: the workers that gave no answer and were replaced: what their lanes had is gone.
    """

    began: dict[int, Began]
    acted: dict[int, Acted]
    lost: set[int]


class _Worker(NamedTuple):
    process: subprocess.Popen
    connection: multiprocessing.connection.Connection


class Workers:
    """Processes that run simulators of an environment.

    Args:
      environment: is pickled for them.
      count: how many there are.
      deadline_s: seconds after which a worker that has not answered is lost.
    """

    def __init__(self, environment: HostEnvironment, count: int, deadline_s: float) -> None:
        self.count = count
        self._environment, self._deadline_s = environment, deadline_s
        self._workers: list[_Worker] = []
        self._generations = [0] * count

    def of(self, lane: int) -> int:
        """The worker of a lane."""
        return lane % self.count

    def generation(self, lane: int) -> int:
        """How often the worker of a lane was started: what it had before is gone."""
        return self._generations[self.of(lane)]

    def exchange(self, begins: Sequence[Begin], acts: Sequence[Act], ends: Sequence[int] = ()) -> Answers:
        """Begin episodes, advance lanes, and drop the lanes that have ended.

        Raises `ContractError` for an error in the environment or in a simulator.
        """
        messages: dict[int, tuple[list[Begin], list[Act], list[int]]] = {}
        for kind, items in enumerate((begins, acts, ends)):
            for item in items:
                lane = item if isinstance(item, int) else item.lane
                messages.setdefault(self.of(lane), ([], [], []))[kind].append(item)  # type: ignore[arg-type]
        answers = Answers({}, {}, set())
        try:
            replies = self._ask(messages)
        except BaseException:
            self.close()  # else the replies of other workers would be taken for those to the next messages
            raise
        for number, reply in replies.items():
            if reply is None:
                answers.lost.add(number)
                continue
            for named, items, values in zip(answers, messages[number], reply):
                named.update({item.lane: value for item, value in zip(items, values)})  # type: ignore[union-attr]
        return answers

    def _ask(self, messages: Mapping[int, Any]) -> dict[int, list[Any] | None]:
        if not self._workers:
            self._workers = [self._start() for _ in range(self.count)]
            self._generations = [number + 1 for number in self._generations]
            self._await(range(self.count), START_S, required=True)
        for number, message in messages.items():
            with contextlib.suppress(ConnectionError):  # it gives no answer then
                self._workers[number].connection.send(message)
        replies = self._await(messages, self._deadline_s)
        for number in [number for number, reply in replies.items() if reply is None]:
            self._replace(number)
        return replies

    def _replace(self, number: int) -> None:
        _end(self._workers[number])
        self._workers[number] = self._start()
        self._generations[number] += 1
        self._await([number], START_S, required=True)

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            _end(worker)
        self._workers = []
        self._generations = [number + 1 for number in self._generations]

    def _start(self) -> _Worker:
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(
            [sys.executable, "-c", f"from poet.agents.worker import serve; serve({theirs.fileno()})"],
            pass_fds=[theirs.fileno()],
            # They must not take an accelerator, nor react to Ctrl-C in the terminal.
            env=os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()
        connection = multiprocessing.connection.Connection(ours.detach())
        connection.send_bytes(pickle.dumps((sys.path, pickle.dumps(self._environment))))
        return _Worker(process, connection)

    def _await(self, numbers: Any, seconds: float, required: bool = False) -> dict[int, list[Any] | None]:
        answers: dict[int, list[Any] | None] = dict.fromkeys(numbers)
        waiting = {self._workers[number].connection: number for number in numbers}
        end = time.monotonic() + seconds
        while waiting and (left := end - time.monotonic()) > 0:
            for connection in multiprocessing.connection.wait(list(waiting), left):
                number = waiting.pop(connection)  # type: ignore[arg-type]
                try:
                    kind, *content = connection.recv()  # type: ignore[union-attr]
                except (EOFError, ConnectionError, pickle.UnpicklingError):
                    continue
                if kind == "error":
                    raise ContractError(f"the simulator of {self._environment.interface.id} raises {content[0]}")
                answers[number] = content
        if required and None in answers.values():
            raise ContractError(
                f"a worker process for {self._environment.interface.id} cannot start: its environment must be "
                "pickled and imported there; run the command again to see what the process prints"
            )
        return answers


def _end(worker: _Worker) -> None:
    worker.connection.close()
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait()


def seed_of(key: UInt32[np.ndarray, "2"]) -> int:
    """What a simulator is reset with, from the data of the key of its episode."""
    return int(seeds_of(key[None])[0])


def seeds_of(keys: UInt32[np.ndarray, "B 2"]) -> UInt32[np.ndarray, "B"]:
    """The same for several episodes."""
    return np.asarray(_seeds_of(keys))


@jax.jit
def _seeds_of(keys: UInt32[Array, "B 2"]) -> UInt32[Array, "B"]:
    draw = jax.vmap(lambda key: jax.random.bits(reset_key(jax.random.wrap_key_data(key)), (), jnp.uint32))
    return draw(keys)


def begin(
    lane: int,
    genome: Genome,
    start: int | History | Snapshot,
    length: int,
    limit: int,
    fitness: float = 0.0,
    keep: bool = False,
) -> Begin:
    """The message that starts an episode from a seed, or continues it after `length` steps from a stored state."""
    seed, history, snapshot = 0, (), None
    if isinstance(start, Snapshot):
        snapshot = np.asarray(start.data)[: int(start.size)].tobytes()
    elif isinstance(start, History):
        seed, history = int(start.seed), np.asarray(start.actions)[:length]
    else:
        seed = start
    return Begin(lane, genome, seed, limit - length, history, fitness, snapshot, keep)


def write(tree: PyTree, lane: int, value: Any) -> None:
    """Write the leaves of one lane, or its only one, into the tree of all lanes."""
    for whole, part in zip(jax.tree.leaves(tree), value if isinstance(value, tuple) else (value,), strict=True):
        whole[lane] = part
