"""What a rollout engine is: it runs episodes of agents in levels, in two ways.

`run` takes a queue of episodes and returns their results. `advance` makes some steps of all lanes, starts a new episode
where one has ended, and returns what a trace keeps of each step. An engine that is traceable is made of functions for
`jax.jit`; any other is called on the host.

Axes: A agents, M levels, Q queued episodes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from poet.envs.base import Trajectory
from poet.types import Genome, Key, Keys, Params, PyTree


class Levels(NamedTuple):
    """M levels to be built: a genome (leaves [M, ...]) and a key for each, also the key of episodes in that level."""

    genome: Genome
    key: Keys


class Start(NamedTuple):
    """Where Q episodes continue: a stored state of each instead of a reset. The level is not part of it.

    Step t of an episode uses the key folded with t, so a restored episode continues with the bits that it would have
    had.

    Attributes:
      world: of the environment, leaves [Q, ...]; of simulators a `Snapshot` or a `History`.
      obs: what the agent saw there; None for an environment with `observe`, and for a `History`.
      memory: of the policy; None for a policy that starts with an empty memory.
      length: steps that were done before.
      limit: number of steps, those before included, at which the episode is truncated.
      key: of the episode.
    """

    world: PyTree
    obs: PyTree
    memory: PyTree
    length: Int[Array, "Q"]
    limit: Int[Array, "Q"]
    key: Keys


class Episodes(NamedTuple):
    """Q episodes to be run.

    Attributes:
      agent: index of the agent of each.
      level: index of the level of each.
      start: where they continue; by default they start with a reset, with the key of their level.
    """

    agent: Int[Array, "Q"]
    level: Int[Array, "Q"]
    start: Start | None = None


class EpisodeResult(NamedTuple):
    """What Q episodes gave, as arrays of jax or NumPy."""

    fitness: Float[Array, "Q"] | Float[np.ndarray, "Q"]  # sum of rewards; not finite if environment or agent failed
    length: Int[Array, "Q"] | Int[np.ndarray, "Q"]  # steps, without those before a `Start`
    success: Float[Array, "Q"] | Float[np.ndarray, "Q"]  # in [0, 1], by the environment; 1 where it has no `success`
    descriptor: Float[Array, "Q D"] | Float[np.ndarray, "Q D"]  # at the end of the episode; D is 0 without one


class LevelTable(NamedTuple):
    """M levels in which lanes start episodes, each with a probability proportional to its weight."""

    level: PyTree
    weight: Float[Array, "M"]


class Lanes(NamedTuple):
    """B episodes in progress, as arrays of jax or NumPy. Keys are their data, so that a state can hold lanes.

    Attributes:
      running: False where no episode has started; the next step starts one.
      level_index: of the level, in the table from which the episode was started.
      level: of the episode, leaves [B, ...]: it stays, whatever levels are given later.
      world, obs, memory: as in `Start`.
      key: of the episode.
      length: steps done, those before a `Start` included; `before` is the number of these.
      limit: number of steps at which the episode is truncated.
      fitness: sum of the rewards so far.
      stream: what the keys of the lane's episodes are derived from, with the number of each.
      started: number of episodes that the lane has started from `stream`.
    """

    running: Bool[Array, "B"]
    level_index: Int[Array, "B"]
    level: PyTree
    world: PyTree
    obs: PyTree
    memory: PyTree
    key: UInt32[Array, "B 2"]
    length: Int[Array, "B"]
    before: Int[Array, "B"]
    limit: Int[Array, "B"]
    fitness: Float[Array, "B"]
    stream: UInt32[Array, "B 2"]
    started: Int[Array, "B"]


class Transition(NamedTuple):
    """One step of one lane, as a trace sees it. What a trace does not keep costs nothing.

    Attributes:
      level: of the episode; None where an engine cannot see it.
      world: that the action led to; None where an engine cannot see it.
      obs: that the agent acted on; `memory` is that before the action.
      action: of the agent.
      reward: of the action.
      next_obs: of `world`; `next_memory` is that after the action.
      length: steps of the episode, this one included.
      key: data of the episode's key.
    """

    level: PyTree
    world: PyTree
    obs: PyTree
    memory: PyTree
    action: Array
    reward: Float[Array, ""]
    next_obs: PyTree
    next_memory: PyTree
    length: Int[Array, ""]
    key: UInt32[Array, "2"]


Trace = Callable[[Transition], PyTree]


class Finished(NamedTuple):
    """The episodes that ended, at their last step and in their lane: everything else is zero where none ended."""

    ended: Bool[Array, "T B"]
    level: Int[Array, "T B"]  # index of the level in the table from which the episode was started
    fitness: Float[Array, "T B"]  # this and the following as in `EpisodeResult`
    length: Int[Array, "T B"]
    success: Float[Array, "T B"]
    descriptor: Float[Array, "T B D"]


class Run(Protocol):
    """Results of a queue of episodes."""

    def __call__(
        self,
        agents: Float[Array, "A G"],
        levels: Levels,
        episodes: Episodes,
        num_levels: Int[Array, ""],
        num_episodes: Int[Array, ""],
        /,
    ) -> tuple[EpisodeResult, Int[Array, ""]]:
        """Results of the Q episodes, and the steps that lanes took, idle ones included.

        Only the first `num_levels` of the levels and the first `num_episodes` of the episodes count; the rest fills up
        the shape. The number of levels is a multiple of the engine's lanes.
        """
        ...


class Build(Protocol):
    """Levels that are laid out."""

    def __call__(self, levels: Levels, /) -> PyTree:
        """A tree whose leaves have a leading axis of M."""
        ...


class Reset(Protocol):
    """New episodes."""

    def __call__(self, level: PyTree, key: Keys, /) -> Start:
        """The starts of B episodes, one in each of B levels, with the keys of the episodes."""
        ...


class Idle(Protocol):
    """Lanes before their first episode."""

    def __call__(self, key: Key, num_lanes: int, /) -> Lanes:
        """Lanes whose episodes have keys derived from `key`, the lane, and the number of the episode in it."""
        ...


class Enter(Protocol):
    """Lanes in given episodes."""

    def __call__(self, level: PyTree, start: Start, key: Key, /) -> Lanes:
        """Lanes in B levels at these starts, all in the level of index 0; `key` as for `Idle`."""
        ...


class Advance(Protocol):
    """Some steps of all lanes."""

    def __call__(
        self,
        params: Float[Array, "G"] | Float[Array, "B G"],
        table: LevelTable | None,
        lanes: Lanes,
        num_steps: int,
        trace: Trace,
        /,
    ) -> tuple[Lanes, PyTree, Finished]:
        """The lanes after `num_steps` steps, the trace (leaves [T, B, ...]), and the episodes that ended.

        `params` is one agent for all lanes, or one for each. A lane whose episode has ended starts another in a level
        of the table at its next step; without a table it stays as it is, and its trace means nothing.
        Raises `ConfigError` if this machine cannot hold the trace.
        """
        ...


class Replay(Protocol):
    """One episode step by step."""

    def __call__(self, params: Params, key: Key, genome: Genome, /) -> Trajectory:
        """The episode that `run` has with this agent, key and genome, with NumPy arrays; called on the host."""
        ...


class EngineContext(Protocol):
    """What an engine gets of the run that it works for."""

    @property
    def transcripts(self) -> Path | None:
        """Folder for what must be the same when the run resumes; None outside a run."""
        ...

    @property
    def log(self) -> Callable[[str, Mapping[str, Any]], None]:
        """(event, fields) -> None: journals an event about the process."""
        ...


class Engine(NamedTuple):
    """How episodes are computed. It is part of a run's identity: engines differ in bits.

    Attributes:
      lanes: episodes that `run` has in progress at a time; results depend on it, but not on anything else that says
        how work is cut.
      traceable: whether its functions can be traced by `jax.jit`.
      run: (agents, levels, episodes, num_levels, num_episodes) -> (EpisodeResult, steps of lanes).
      build: levels -> the same laid out.
      reset: (levels laid out, keys) -> starts of episodes.
      idle: (key, number) -> lanes before their first episode.
      enter: (levels laid out, starts, key) -> lanes in these episodes.
      advance: (params, table, lanes, num_steps, trace) -> (lanes, trace, Finished).
      replay: (params, key, genome) -> Trajectory, an episode of `run` step by step.
      close: releases processes; they start again if the engine is used again.
    """

    lanes: int
    traceable: bool
    run: Run
    build: Build
    reset: Reset
    idle: Idle
    enter: Enter
    advance: Advance
    replay: Replay
    close: Callable[[], None] = lambda: None
