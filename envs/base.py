"""The protocols that plug-ins implement: `Environment`, `Generator` and `Problem`.

Methods called pure are functions of arrays for a single instance, which `jax.jit` can trace; the framework applies
`jax.vmap`. All other methods run on the host. Check an implementation with `poet.envs.testing`.

>>> from poet.envs.config import generators
>>> mazes = generators.make("maze")
>>> isinstance(mazes, Generator), isinstance(mazes.environment, Environment)
(True, True)

Axes: N niches, P population, E episodes, T time, B batch, D descriptor, F features of a genome,
G parameters, M objectives; H and W are the height and width of a picture.
"""

from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from poet.types import Genome, Key, PyTree


class Box(NamedTuple):
    """Continuous actions `f32[shape]`; a bound is one number, or a tuple of one for each element in row-major order."""

    shape: tuple[int, ...]
    low: float | tuple[float, ...] = -1.0
    high: float | tuple[float, ...] = 1.0


class Discrete(NamedTuple):
    """One of `num` actions, an `i32[]`."""

    num: int


class MultiDiscrete(NamedTuple):
    """Several discrete actions at once, an `i32[len(nums)]`; the i-th is one of `nums[i]`."""

    nums: tuple[int, ...]


Space = Box | Discrete | MultiDiscrete
# An array, or a NamedTuple of arrays: `jax.ShapeDtypeStruct`s in either case, so that an `Interface` is hashable.
Observation: TypeAlias = jax.ShapeDtypeStruct | tuple[jax.ShapeDtypeStruct, ...]


class Interface(NamedTuple):
    """Observations, actions and time limit of an environment; static and hashable.

    Agents can only be transferred between environments whose ids agree.
    """

    id: str  # with a version, as in "walker-v1"; raise the version when the dynamics change
    obs: Observation
    action: Space
    horizon: int  # number of steps after which an episode is truncated
    info: tuple[str, ...] = ()  # names of the f32[] values in `Step.info`


class Step(NamedTuple):
    """One transition. An environment never resets itself: `world` and `obs` are those that the action led to."""

    world: PyTree
    obs: PyTree  # an array or a NamedTuple of arrays, as `Interface.obs` says
    reward: Float[Array, ""]
    terminated: Bool[Array, ""]  # the episode ended by the rules of the environment
    truncated: Bool[Array, ""]  # the episode ended by the time limit: at the horizon and later, never earlier
    info: dict[str, Float[Array, ""]]


class Trajectory(NamedTuple):
    """One episode step by step, for `Generator.render`: all T steps up to its end, or a selection of them."""

    worlds: PyTree  # the world after each step; every leaf [T, ...]
    actions: Array | np.ndarray  # [T, ...], the action of each step
    rewards: Float[Array, "T"] | Float[np.ndarray, "T"]


@runtime_checkable
class Environment(Protocol):
    """The dynamics of one family of levels.

    It is hashable (a frozen dataclass of plain values, for example), since compiled programs are cached by environment.
    All methods are pure. They work on three pytrees of arrays:

    - the genome: the parameters of one level, made by a `Generator`;
    - the level: what `build` lays out from a genome (terrain, walls, tables), constant during an episode;
    - the world: the complete simulation state. The same key, level, world and action give the same `Step`.

    Optional members, used if present:

    - `success(level, world) -> f32[]`: how far the task was solved, in [0, 1]; without it every episode counts as 1.
    - `descriptor(level, world) -> f32[D]`: the behaviour descriptor, finite for every world, and within its bounds at
      the end of every episode. Archives of agents require it.
    - `observe(level, world) -> obs`: the observation of a world, where that needs nothing else. Episodes that start
      from a world then need no stored observation; its last bit may differ from that of `step`.
    - `descriptor_names`: a tuple of D different strings; required with `descriptor`.
    - `descriptor_bounds`: a tuple of D pairs (low, high) of finite floats; required with `descriptor`.

    `success` and `descriptor` are evaluated on the last world of an episode: a quantity that accumulates over the
    episode must be stored in the world.
    """

    @property
    def interface(self) -> Interface:
        """Observations, actions and time limit."""
        ...

    def build(self, key: Key, genome: Genome, /) -> PyTree:
        """Lay out the level. Called once per niche and episode; a population shares the level."""
        ...

    def reset(self, key: Key, level: PyTree, /) -> tuple[PyTree, PyTree]:
        """Start an episode. Returns the first world and its observation."""
        ...

    def step(self, key: Key, level: PyTree, world: PyTree, action: Array, /) -> Step:
        """Advance the world by one action."""
        ...


@runtime_checkable
class Generator(Protocol):
    """Samples, mutates, checks, measures and describes the genomes of one environment.

    A genome is a pytree of non-empty arrays with fixed shapes and dtypes. `sample`, `mutate`, `check` and `features`
    are pure; the other methods run on the host.

    Searches compare the returns of agents with the scale that the generator declares (`poet.envs.returns`), so that one
    threshold has the same meaning in every environment.

    Optional members. The first three are for user-defined searches; the searches of this package do not use them.

    - `crossover(key, genome_a, genome_b) -> genome`: a child of two parents; pure.
    - `repair(genome) -> genome`: a valid genome near an invalid one; pure.
    - `json_schema() -> dict`: a JSON Schema of what `from_json` accepts, as JSON values.
    - `difficulty_class(genome) -> str`: a name for how difficult the level is, "" for none; the same at each call.
      Tables and plots show it.
    - `draw_level(genome) -> u8[H, W, 3]`: a picture of the level as a NumPy array, the same at each call. Galleries
      show it.
    - `render(genome, trajectory, level=None) -> list of u8[H, W, 3]`: a picture for each time step of a `Trajectory`,
      all of one size, as NumPy arrays. Videos show them. Declare the parameter `level` only if the genome does not
      determine the level; it is then passed by name, as `build` returned it for this episode.
    """

    @property
    def id(self) -> str:
        """Id in the registry."""
        ...

    @property
    def version(self) -> int:
        """At least 1; raise it when an old genome would mean another level."""
        ...

    @property
    def environment(self) -> Environment:
        """The environment whose levels the genomes describe; equal and with an equal hash at each access.

        A `poet.envs.host.HostEnvironment` where episodes run in simulators that are not JAX.
        """
        ...

    @property
    def reasons(self) -> tuple[str, ...]:
        """Results of `check` as text: the first entry means valid, the others say why a genome is invalid."""
        ...

    @property
    def feature_names(self) -> tuple[str, ...]:
        """F different names."""
        ...

    @property
    def feature_bounds(self) -> tuple[tuple[float, float], ...]:
        """(low, high) of each of the F features, over all valid genomes."""
        ...

    @property
    def deterministic(self) -> bool:
        """Whether level and episode depend on the genome and the actions only, never on keys.

        One evaluation of an agent is then enough.
        """
        ...

    @property
    def return_range(self) -> tuple[float, float]:
        """Returns (low, high) of an agent that has learnt nothing and of a perfect agent: fractions 0 and 1.

        Single episodes may be worse, as those of an agent that wastes effort, and hardly better.
        """
        ...

    @property
    def solved_return(self) -> float:
        """The return from which on a level counts as solved: above low, at most high.

        With `success` an agent must also reach the goal.
        """
        ...

    def sample(self, key: Key, /) -> Genome:
        """Draw a genome from the prior; it may be invalid, but not always."""
        ...

    def mutate(self, key: Key, genome: Genome, strength: Float[Array, ""] | float, /) -> Genome:
        """Vary a genome. At `strength` 1 the change has the generator's usual size; `strength` may be traced.

        Children may be invalid or equal to their parent, but not always.
        """
        ...

    def check(self, genome: Genome, /) -> tuple[Bool[Array, ""], Int[Array, ""]]:
        """Whether a genome is valid, and an index into `reasons`: 0 if it is valid."""
        ...

    def features(self, genome: Genome, /) -> Float[Array, "F"]:
        """Coordinates of a genome, for novelty and for archives."""
        ...

    def simplest(self) -> Genome:
        """The genome from which an open-ended run starts: valid, and the same at each call."""
        ...

    def describe(self, genome: Genome, /) -> str:
        """The level in words; the same text at each call."""
        ...

    def to_json(self, genome: Genome, /) -> dict[str, Any]:
        """The genome as JSON values, without loss of precision, with the keys "id" and "version"."""
        ...

    def from_json(self, data: dict[str, Any], /) -> Genome:
        """Inverse of `to_json`. Raises `poet.errors.ConfigError` for another id, version, field or shape."""
        ...


@runtime_checkable
class Problem(Protocol):
    """A function to optimise: fitness and descriptor of a solution f32[G]. Larger fitness is better.

    A solution may also be a tree of float32 arrays with G numbers: what `sample` gives, `evaluate` and `draw` take.

    It is hashable, since compiled programs are cached by problem. `sample` and `evaluate` are pure.

    Optional members, used if present:

    - `num_objectives`: an int M, 1 if absent. If M is above 1, `evaluate` returns a fitness f32[M], and
      `fitness_bounds` are those of the sum over the objectives.
    - `draw(params) -> u8[H, W, 3]`: a picture of a solution as a NumPy array; runs on the host.
    """

    @property
    def id(self) -> str:
        """Name; give it another version, as in "arm-v1", when a solution would mean something else."""
        ...

    @property
    def num_params(self) -> int:
        """G, the number of all numbers in a solution."""
        ...

    @property
    def descriptor_names(self) -> tuple[str, ...]:
        """D different names."""
        ...

    @property
    def descriptor_bounds(self) -> tuple[tuple[float, float], ...]:
        """(low, high) of each of the D descriptor coordinates."""
        ...

    @property
    def fitness_bounds(self) -> tuple[float, float]:
        """Worst and best fitness to expect from `sample` on: offset and scale of QD scores."""
        ...

    @property
    def deterministic(self) -> bool:
        """Whether `evaluate` ignores its key, so that one evaluation is enough."""
        ...

    def sample(self, key: Key, /) -> Float[Array, "G"] | PyTree:
        """Draw an initial solution."""
        ...

    def evaluate(
        self, key: Key, params: Float[Array, "G"] | PyTree, /
    ) -> tuple[Float[Array, ""] | Float[Array, "M"], Float[Array, "D"]]:
        """Fitness and descriptor of a solution."""
        ...
