"""Lanes of the engine `host`: episodes that continue from one call to the next.

A simulator cannot be part of a state, so the world of a lane is a snapshot of it, or the list of its actions so far. A
simulator that is gone, with its worker or with an earlier process, is made again and brought to the same state.
"""

import functools
from collections import OrderedDict
from collections.abc import Collection
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

from poet.agents.advance import next_episode, require_memory_for_trace
from poet.agents.engine import Finished, Lanes, Levels, LevelTable, Start, Trace, Transition
from poet.agents.lane import act, broadcast
from poet.agents.lost import MAX_LOSSES, LostEpisodes, name_of
from poet.agents.policy import Policy
from poet.agents.worker import Act, Acted, Began, Begin
from poet.agents.workers import Workers, begin, seed_of, seeds_of, write
from poet.envs.host import History, HostEnvironment, Snapshot, snapshot_bytes, write_snapshot
from poet.envs.spaces import action_at, num_uniforms, zero_observation
from poet.errors import ContractError
from poet.types import Genome, Key, Keys, PyTree, numbered_keys

MAX_LIVE = 1024  # simulators without snapshots that are kept from one call to the next
FIRST_ID = 2**20  # queues use smaller numbers of lanes in the workers
_LaneKey: TypeAlias = tuple[int, bytes]


class HostLanes:
    """The functions of the engine that concern lanes, whose leaves are NumPy arrays; see `Engine`."""

    def __init__(
        self, environment: HostEnvironment, policy: Policy, genome: Genome, workers: Workers, lost: LostEpisodes
    ) -> None:
        self._environment, self._policy, self._workers, self._lost = environment, policy, workers, lost
        self._genome, self._horizon = genome, environment.interface.horizon
        self._num_descriptors = len(getattr(environment, "descriptor_names", ()))
        # Its simulator: the number, the generation of its worker, and a hash of where it is.
        self._live: OrderedDict[_LaneKey, tuple[int, int, int]] = OrderedDict()
        self._next_id, self._retired = FIRST_ID, list[int]()
        self._max_live = 0 if snapshot_bytes(environment) else MAX_LIVE
        self._next_episodes = jax.jit(jax.vmap(next_episode, (None, 0, 0)))
        self._block = functools.lru_cache(8)(lambda trace: jax.jit(jax.vmap(trace)))

        act_lane = functools.partial(act, policy)

        @jax.jit
        def act_block(
            params: Float[Array, "G"] | Float[Array, "B G"], memory: PyTree, obs: PyTree, key: Array, length: Array
        ) -> Any:
            lane = (memory, obs, jax.random.wrap_key_data(key), length)
            if params.ndim == 1:
                return jax.vmap(act_lane, (None, 0, 0, 0, 0))(policy.unravel(params), *lane)
            return jax.vmap(act_lane)(jax.vmap(policy.unravel)(params), *lane)

        self._act = act_block

    def build(self, levels: Levels) -> PyTree:
        """A level is its genome: the simulators lay it out."""
        return jax.tree.map(np.asarray, levels.genome)

    def reset(self, level: PyTree, key: Keys) -> Start:
        """New episodes."""
        lanes = self._begin(level, np.asarray(jax.random.key_data(key)), key[0])
        self._exchange(lanes, range(len(lanes.length)), None)
        return Start(lanes.world, lanes.obs, lanes.memory, lanes.length, lanes.limit, key)

    def idle(self, key: Key, num_lanes: int) -> Lanes:
        """Lanes before their first episode."""
        lanes = self._begin(broadcast(self._genome, num_lanes), np.zeros((num_lanes, 2), np.uint32), key)
        return lanes._replace(running=np.zeros(num_lanes, bool))

    def enter(self, level: PyTree, start: Start, key: Key) -> Lanes:
        """Lanes in given episodes.

        Raises `ContractError` for snapshots without the observations there.
        """
        if start.obs is None and snapshot_bytes(self._environment):
            raise ContractError("a start in a snapshot expects its observation, got none: store it with the snapshot")
        lanes = self._begin(level, np.asarray(jax.random.key_data(start.key)), key)
        given: dict[str, Any] = {"world": start.world, "length": start.length, "before": start.length}
        given |= {"limit": start.limit, "memory": start.memory, "obs": start.obs}
        given = {name: jax.tree.map(np.array, value) for name, value in given.items() if value is not None}
        lanes = lanes._replace(**given)
        if start.obs is None:
            self._exchange(lanes, range(len(lanes.length)), None)
        return lanes

    def advance(
        self,
        params: Float[Array, "G"] | Float[Array, "B G"],
        table: LevelTable | None,
        lanes: Lanes,
        num_steps: int,
        trace: Trace,
    ) -> tuple[Lanes, PyTree, Finished]:
        """Some steps of all lanes; `level` of a transition is the genome, `world` a `History` or a `Snapshot`."""
        lanes = jax.tree.map(np.array, lanes)
        trace_block = self._block(trace)
        rows = []
        for number in range(num_steps):
            if table is not None:
                self._restart(table, lanes)
            actions, memory = self._act(params, lanes.memory, lanes.obs, lanes.key, lanes.length)
            actions = np.asarray(actions)
            obs, before = jax.tree.map(np.copy, lanes.obs), lanes.memory
            finished, rewards = self._step(lanes, actions)
            lanes = lanes._replace(memory=jax.tree.map(np.array, memory))  # of lanes that stay it means nothing
            after: Any = (actions, rewards, lanes.obs, lanes.memory, lanes.length, lanes.key)
            traced = trace_block(Transition(lanes.level, lanes.world, obs, before, *after))
            if number == 0:
                require_memory_for_trace(traced, num_steps)
            rows.append(jax.tree.map(np.asarray, (traced, finished)))
        traced, finished = jax.tree.map(lambda *leaves: np.stack(leaves), *rows)
        return lanes, traced, finished

    def _begin(self, level: PyTree, keys: UInt32[np.ndarray, "B 2"], key: Key) -> Lanes:
        """Lanes at the start of episodes, without observations."""
        num, interface = len(keys), self._environment.interface
        action = np.asarray(action_at(interface.action, jnp.zeros(num_uniforms(interface.action))))
        level_index, length, before, started = np.zeros((4, num), np.int32)
        if size := snapshot_bytes(self._environment):
            world = Snapshot(length, np.zeros((num, size), np.uint8))  # type: ignore[arg-type]
        else:
            actions = np.zeros((num, self._horizon, *action.shape), action.dtype)
            world = History(seeds_of(keys), actions)  # type: ignore[arg-type]
        leaves: Any = (
            np.ones(num, bool),
            level_index,
            level,
            world,
            broadcast(zero_observation(interface.obs), num),
            broadcast(self._policy.init_memory(), num),
            keys,
            length,
            before,
            np.full(num, self._horizon, np.int32),
            np.zeros(num, np.float32),
            np.asarray(jax.random.key_data(numbered_keys(key, num))),
            started,
        )
        return jax.tree.map(np.array, Lanes(*leaves))

    def _restart(self, table: LevelTable, lanes: Lanes) -> None:
        """New episodes in the lanes that run none, written into `lanes`."""
        which = np.flatnonzero(~lanes.running)
        if not len(which):
            return
        index, key = self._next_episodes(table.weight, lanes.stream, lanes.started)
        index, keys = np.asarray(index), np.asarray(jax.random.key_data(key))
        new = self._begin(jax.tree.map(lambda leaf: np.asarray(leaf)[index], table.level), keys, key[0])
        new = new._replace(level_index=index, stream=lanes.stream, started=lanes.started + 1)
        for whole, part in zip(jax.tree.leaves(lanes), jax.tree.leaves(new)):
            whole[which] = part[which]
        self._exchange(lanes, which, None)

    def _step(self, lanes: Any, actions: np.ndarray) -> tuple[Finished, Float[np.ndarray, "B"]]:
        """One action in each lane that runs, written into `lanes`: the episodes that ended, and the rewards."""
        num, ran = len(actions), lanes.running.copy()
        which = [int(lane) for lane in np.flatnonzero(ran)]
        names = {lane: self._name(lanes, lane, actions) for lane in which} if self._lost.any() else {}
        known = {lane for lane, name in names.items() if self._lost.has(name)}
        came = self._exchange(lanes, [lane for lane in which if lane not in known], actions)
        rewards, success = np.zeros((2, num), np.float32)
        descriptor = np.zeros((num, self._num_descriptors), np.float32)
        for lane in which:
            acted = came.get(lane)
            if acted is None:
                if lane not in known:
                    self._lost.add(self._name(lanes, lane, actions), self._environment.interface.id)
                acted = Acted(None, np.nan, True, success=0.0)
            else:
                write(lanes.obs, lane, acted.obs)
            rewards[lane] = acted.reward
            self._keep(lanes, lane, actions[lane], acted.snapshot)
            lanes.running[lane] = not acted.ended
            if acted.ended:
                success[lane] = acted.success
                descriptor[lane] = 0 if acted.descriptor is None else acted.descriptor
                self._retire(_lane_key(lanes, lane))
        np.add(lanes.length, ran, out=lanes.length)
        np.add(lanes.fitness, rewards, out=lanes.fitness)
        for lane in map(int, np.flatnonzero(lanes.running)):
            self._note_place(lanes, lane)
        ended = ran & ~lanes.running
        values = (lanes.level_index, lanes.fitness, lanes.length - lanes.before, success)
        fields: list[Any] = [ended, *(np.where(ended, value, np.zeros_like(value)) for value in values), descriptor]
        return Finished(*fields), rewards

    def _keep(self, lanes: Any, lane: int, action: np.ndarray | None, snapshot: bytes | None) -> None:
        """Write the world of a lane after an action; there is no snapshot of an episode that has ended."""
        if isinstance(lanes.world, History):
            lanes.world.actions[lane, lanes.length[lane]] = action
        elif snapshot is not None:
            write_snapshot(lanes.world, lane, snapshot, self._environment)

    def _name(self, lanes: Any, lane: int, actions: np.ndarray) -> str:
        """A digest of what determines the episode up to this action."""
        level = [leaf[lane] for leaf in jax.tree.leaves(lanes.level)]
        parts = (*level, lanes.key[lane], *_world(lanes, lane), actions[lane])
        return name_of(self._environment.interface, parts)

    def _exchange(self, lanes: Lanes, which: Collection[int], actions: np.ndarray | None) -> dict[int, Acted | None]:
        """What comes of the actions in these lanes, None for an episode that was lost too often.

        Observations of simulators that have to be made, with the actions that they had, are written into `lanes`.
        """
        waiting, losses, came = list(which), dict.fromkeys(which, 0), dict[int, Acted | None]()
        while waiting:
            # Alone after a loss: what is lost then is no loss of another one.
            group = waiting[:1] if any(losses[lane] for lane in waiting) else list(waiting)
            begins, ids = [], {}
            for lane in group:
                ids[lane], begin = self._simulator_of(lanes, lane)
                begins += [] if begin is None else [begin]
            acts = [] if actions is None else [Act(ids[lane], actions[lane]) for lane in group]
            retired, self._retired = self._retired, []
            answers = self._workers.exchange(begins, acts, retired)
            for lane in group:
                number = ids[lane]
                if self._workers.of(number) in answers.lost:
                    losses[lane] += 1
                    if losses[lane] < MAX_LOSSES:
                        continue
                    came[lane] = None
                elif actions is not None:
                    came[lane] = answers.acted[number]
                if number in answers.began:
                    self._place_in(lanes, lane, answers.began[number])
                waiting.remove(lane)
        return came

    def _place_in(self, lanes: Any, lane: int, began: Began) -> None:
        """Write the state of a simulator that was made."""
        if began.obs is not None:
            write(lanes.obs, lane, began.obs)
        if began.snapshot is not None:
            self._keep(lanes, lane, None, began.snapshot)
            self._note_place(lanes, lane)

    def _simulator_of(self, lanes: Any, lane: int) -> tuple[int, Begin | None]:
        """The simulator of a lane, and the message that makes it if there is none."""
        key, place = _lane_key(lanes, lane), _place(lanes, lane)
        number, *there = self._live.get(key, (0, -1, 0))
        if there == [self._workers.generation(number), place]:
            self._live.move_to_end(key)
            return number, None
        self._retire(key)  # another state of this episode
        number, self._next_id = self._next_id, self._next_id + 1
        self._live[key] = (number, self._workers.generation(number), place)
        if len(self._live) > max(self._max_live, len(lanes.length)):
            self._retire(next(iter(self._live)))
        genome, world = jax.tree.map(lambda leaf: leaf[lane], (lanes.level, lanes.world))
        start = seed_of(lanes.key[lane]) if isinstance(world, Snapshot) and not world.size else world
        length, limit, fitness = int(lanes.length[lane]), int(lanes.limit[lane]), float(lanes.fitness[lane])
        keep = isinstance(world, Snapshot)
        return number, begin(number, genome, start, length, limit, fitness, keep)

    def _note_place(self, lanes: Any, lane: int) -> None:
        """Note where the simulator of a lane is now."""
        key = _lane_key(lanes, lane)
        self._live[key] = (*self._live[key][:2], _place(lanes, lane))

    def _retire(self, key: _LaneKey) -> None:
        """Have the worker of an episode drop its simulator, with the next message."""
        if key in self._live:
            self._retired.append(self._live.pop(key)[0])


def _lane_key(lanes: Any, lane: int) -> _LaneKey:
    """What the episode of a lane is found by: two lanes may have episodes of one key."""
    return lane, lanes.key[lane].tobytes()


def _place(lanes: Any, lane: int) -> int:
    """A hash of where the episode of a lane is, and of when it ends."""
    leaves = (*jax.tree.leaves(lanes.level), lanes.length, lanes.limit, lanes.fitness)
    parts = [*(leaf[lane] for leaf in leaves), *_world(lanes, lane)]
    return hash(b"".join(part.tobytes() for part in parts))


def _world(lanes: Any, lane: int) -> list[np.ndarray]:
    """The parts of the world of a lane that count."""
    first, second = (leaf[lane] for leaf in lanes.world)
    return [first, second[: first if isinstance(lanes.world, Snapshot) else lanes.length[lane]]]
