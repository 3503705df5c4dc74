"""The queues of episodes of the local devices. Each device runs the same compiled program on its share.

Nothing is summed across devices, and every share has the same shape: XLA's bits depend on shapes and partitioning, but
not on the device that runs a block (docs/reproducibility.md).

Axes: A agents, K episodes, R rows of the table of agents of a device.
"""

import functools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from poet.agents.engine import Engine, EpisodeResult, Episodes, Levels
from poet.executors.base import Batch, Episode
from poet.jax_settings import pinned
from poet.types import Genome

TABLE_BYTES = 2**28  # of the agents that are on a device at once, unless one job needs more


class Share(NamedTuple):
    """The work of one device.

    Attributes:
      agents: functions that make blocks of weights f32[., G], which follow each other in the table of the device; each
        block is made when it is needed, since together they may be large.
      agent: row of that table, for each of the episodes of the share.
      level: index of the level of each.
      position: of each in the result.
    """

    agents: Sequence[Callable[[], Float[Array, "_ G"] | Float[np.ndarray, "_ G"]]]
    agent: Int[np.ndarray, "K"]
    level: Int[np.ndarray, "K"]
    position: Int[np.ndarray, "K"]


class DeviceQueues:
    """Runs shares, one on each device.

    Args:
      engine: runs the episodes.
      num_params: G.
      queue: episodes that are handed to a device at once.
      devices: that run them.
      min_rows: rows that the table of agents has at least.
    """

    def __init__(
        self,
        engine: Engine,
        num_params: int,
        queue: int,
        devices: Sequence[Any],
        pool: ThreadPoolExecutor,
        min_rows: int,
    ) -> None:
        self.queue = queue
        self.rows = max(min_rows, min(queue, TABLE_BYTES // (4 * num_params)))
        self.devices = devices
        self._num_levels = engine.lanes * -(-queue // engine.lanes)
        self._pool = pool
        self._lock = threading.Lock()
        self._tables: list[Array | None] = [None] * len(devices)
        self._num_params = num_params
        self._spent = {"rollout_s": 0.0, "steps": 0, "lane_steps": 0}

        def run_episodes(agents, genome, key_data, agent, level, num_levels, num_episodes):
            levels = Levels(genome, jax.random.wrap_key_data(key_data))
            return engine.run(agents, levels, Episodes(agent, level), num_levels, num_episodes)

        self._program = jax.jit(run_episodes) if engine.traceable else run_episodes
        self._write = jax.jit(
            lambda table, block, row: lax.dynamic_update_slice_in_dim(table, block, row, 0), donate_argnums=0
        )

    def run(self, shares: Sequence[Share], episodes: Sequence[Episode], num: int) -> EpisodeResult:
        """The results of `num` episodes, as NumPy arrays."""
        with self._lock:  # the tables are shared
            return self._run(shares, episodes, num)

    @pinned()
    def _run(self, shares: Sequence[Share], episodes: Sequence[Episode], num: int) -> EpisodeResult:
        start = time.perf_counter()
        # All tables before any episode: agents of one device come from another, which would be busy from then on.
        tables = [self._fill_table(number, share.agents) for number, share in enumerate(shares)]
        # In threads, since the first call on each device compiles, which is most of a cold start.
        done = self._pool.map(functools.partial(self._run_share, episodes), range(len(shares)), shares, tables)
        parts = [part for each in done for part in each]
        result = EpisodeResult(
            np.zeros(num, np.float32),
            np.zeros(num, np.int32),
            np.zeros(num, np.float32),
            np.zeros((num, parts[0][1].descriptor.shape[1]), np.float32),
        )
        for position, part, lane_steps in parts:
            for whole, values in zip(result, part):
                whole[position] = np.asarray(values)[: len(position)]  # pyright: ignore[reportIndexIssue]
            self._spent["lane_steps"] += int(lane_steps)
        self._spent["steps"] += int(result.length.sum())
        self._spent["rollout_s"] += time.perf_counter() - start
        return result

    def evaluate(self, batch: Batch) -> EpisodeResult:
        """The results of a batch, as NumPy arrays over its pairs."""
        agent, level = np.asarray(batch.pairs, np.int64).reshape(-1, 2).T
        num_devices, at_once = len(self.devices), min(self.queue, self.rows)
        parts = []
        for first in range(0, len(agent), at_once * num_devices):
            last = min(first + at_once * num_devices, len(agent))
            shares = []
            # Devices take episodes in turn, so that their shares take about the same time.
            for device in range(num_devices):
                position = np.arange(first + device, last, num_devices)
                used, row = np.unique(agent[position], return_inverse=True)
                agents = [functools.partial(self._padded_rows, batch.agents, used)] if len(used) else []
                shares.append(Share(agents, row, level[position], position - first))
            parts.append(self.run(shares, batch.episodes, last - first))
        return EpisodeResult(*(np.concatenate(values) for values in zip(*parts)))

    def _padded_rows(self, agents: Any, used: Int[np.ndarray, "_"]) -> Float[Array, "R G"] | Float[np.ndarray, "R G"]:
        """The used rows of a matrix, as many as a table has: on the device of the matrix, if it is on one."""
        index = _pad(used, self.rows)
        return agents[index] if isinstance(agents, jax.Array) else np.asarray(agents)[index]

    @pinned()  # it runs in a thread
    def _run_share(
        self, episodes: Sequence[Episode], number: int, share: Share, table: Float[Array, "R G"]
    ) -> list[tuple[Int[np.ndarray, "K"], EpisodeResult, Array]]:
        device, parts = self.devices[number], []
        for first in range(0, len(share.agent), self.queue):
            part = slice(first, first + self.queue)
            genome, key_data, level, num_levels = self._levels(episodes, share.level[part])
            agent = _pad(share.agent[part].astype(np.int32), self.queue)
            size = (np.int32(num_levels), np.int32(len(share.agent[part])))
            work = jax.device_put((genome, key_data, agent, _pad(level, self.queue), *size), device)
            parts.append((share.position[part], *self._program(table, *work)))
        return parts

    def _levels(
        self, episodes: Sequence[Episode], index: Int[np.ndarray, "K"]
    ) -> tuple[Genome, np.ndarray, Int[np.ndarray, "K"], int]:
        """The levels that are used, padded to one shape: genomes, key data, the index of each episode, their number."""
        used, index = np.unique(index, return_inverse=True)
        genome = jax.tree.map(
            lambda *leaves: _pad(np.stack(leaves), self._num_levels), *(episodes[level].genome for level in used)
        )
        key_data = np.stack([jax.random.key_data(episodes[level].key) for level in used])
        return genome, _pad(key_data, self._num_levels), index.astype(np.int32), len(used)

    def _fill_table(self, number: int, blocks: Sequence[Callable[[], Any]]) -> Float[Array, "R G"]:
        """The agents of a share on their device. What is behind the last block is left from earlier shares."""
        device, table = self.devices[number], self._tables[number]
        if table is None:
            table = jax.device_put(np.zeros((self.rows, self._num_params), np.float32), device)
        row = 0
        for make_block in blocks:
            block = jax.device_put(make_block(), device)
            table = self._write(table, block, np.int32(row))
            row += block.shape[0]
        self._tables[number] = table
        return table

    def timings(self) -> dict[str, float]:
        """Seconds in rollouts and the share of lane steps that counted, since the last call."""
        spent = self._spent
        reported = {"rollout_s": spent["rollout_s"], "busy": spent["steps"] / max(spent["lane_steps"], 1)}
        self._spent = {"rollout_s": 0.0, "steps": 0, "lane_steps": 0}
        return reported


def _pad(array: np.ndarray, size: int) -> np.ndarray:
    padded = np.zeros((size, *array.shape[1:]), array.dtype)
    padded[: len(array)] = array
    return padded
