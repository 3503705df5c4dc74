"""What an environment and a generator of environments are. Everything here is pure and for one instance;
the framework does the batching.

Axes, one letter everywhere: N niches, P population, E episodes, T time, B batch (lanes), D descriptor,
F genome features, G parameters, M objectives.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
from jaxtyping import Array, Bool, Float, Int

from poet.types import Genome, Key, PyTree


class Box(NamedTuple):
    """Continuous actions `f32[shape]`, each within [low, high]."""

    shape: tuple[int, ...]
    low: float = -1.0
    high: float = 1.0


class Discrete(NamedTuple):
    """One of `num` actions, an `i32[]`."""

    num: int


class MultiDiscrete(NamedTuple):
    """Several choices at once, an `i32[len(nums)]`."""

    nums: tuple[int, ...]


Space = Box | Discrete | MultiDiscrete


class Interface(NamedTuple):
    """What an agent sees of an environment; static and hashable. Agents transfer only where ids agree."""

    id: str  # versioned, as in "walker-v1": changed dynamics means a new version
    obs: jax.ShapeDtypeStruct
    action: Space
    horizon: int  # steps after which an episode is cut (truncated) at the latest
    info: tuple[str, ...] = ()  # names of the f32[] values in `Step.info`


class Step(NamedTuple):
    """One transition. Nothing resets by itself: `obs` is the true next observation."""

    world: PyTree
    obs: Array
    reward: Float[Array, ""]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]
    info: dict[str, Float[Array, ""]]


@runtime_checkable
class Environment(Protocol):
    """One family of worlds as pure functions of arrays; hashable, so that a compiled program is made once.

    `World` is complete: the same key, level, world and action give the same `Step`.
    Optional: `success(level, world) -> f32[] in [0, 1]` and `descriptor(level, world) -> f32[D]`, with
    `descriptor_names` and `descriptor_bounds` beside it; both are read at the end of an episode, and what
    accumulates over an episode lives in the world.
    """

    @property
    def interface(self) -> Interface:
        """What an agent sees, and for how long."""
        ...

    def build(self, key: Key, genome: Genome) -> PyTree:
        """Lay out the level (terrain, walls, tables): once per niche and episode, shared by a population."""
        ...

    def reset(self, key: Key, level: PyTree) -> tuple[PyTree, Array]:
        """Start an episode: the world and its first observation."""
        ...

    def step(self, key: Key, level: PyTree, world: PyTree, action: Array) -> Step:
        """Advance by one action."""
        ...


@runtime_checkable
class Generator(Protocol):
    """Makes, varies, checks, measures and describes the genomes of one environment.

    `sample`, `mutate`, `check` and `features` are pure and for one item; the rest runs on the host.
    Optional, found by their presence: `crossover(key, a, b)`, `repair(genome)`, `difficulty(genome) -> f32[]`,
    `distance(a, b)`, `json_schema()`, and on the host `difficulty_class(genome) -> str`,
    `draw_course(genome) -> u8[H, W, 3]` and `render(genome, trajectory, level=None) -> list of u8[H, W, 3]`.
    """

    @property
    def id(self) -> str:
        """Name in the registry."""
        ...

    @property
    def version(self) -> int:
        """Raised when an old genome would mean another world."""
        ...

    @property
    def environment(self) -> Environment:
        """The environment that its genomes parameterise."""
        ...

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a genome can be invalid; `check` answers with an index into this."""
        ...

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the F features."""
        ...

    @property
    def feature_bounds(self) -> tuple[tuple[float, float], ...]:
        """Low and high of each feature."""
        ...

    @property
    def deterministic(self) -> bool:
        """Whether a genome fixes its episode entirely, so that one evaluation of an agent suffices."""
        ...

    def sample(self, key: Key) -> Genome:
        """Draw a genome from the prior."""
        ...

    def mutate(self, key: Key, genome: Genome, strength: Float[Array, ""] | float) -> Genome:
        """Vary a genome; `strength` 1 is the family's usual step, and is traced."""
        ...

    def check(self, genome: Genome) -> tuple[Bool[Array, ""], Int[Array, ""]]:
        """Whether a genome is structurally valid, and the index of the reason why not (0 if it is)."""
        ...

    def features(self, genome: Genome) -> Float[Array, "F"]:
        """Coordinates for novelty and archives."""
        ...

    def simplest(self) -> Genome:
        """Where an open-ended run starts."""
        ...

    def describe(self, genome: Genome) -> str:
        """The genome in words, the same words each time."""
        ...

    def to_json(self, genome: Genome) -> dict[str, Any]:
        """Exact; carries `id` and `version`."""
        ...

    def from_json(self, data: dict[str, Any]) -> Genome:
        """Inverse of `to_json`. Raises `poet.errors.ConfigError` for another id, version or shape."""
        ...


@runtime_checkable
class Problem(Protocol):
    """A search space with a score and no world inside: what quality-diversity is measured on. Hashable.

    `sample` and `evaluate` are pure and for one solution; the framework does the batching.
    Optional: `num_objectives`, an int M above 1 if there are several to be traded off: `evaluate` then gives f32[M],
    and `fitness_bounds` are those of their sum. `draw(params) -> u8[H, W, 3]` on the host, a solution as a picture.
    """

    @property
    def id(self) -> str:
        """Name in the registry."""
        ...

    @property
    def num_params(self) -> int:
        """G."""
        ...

    @property
    def descriptor_names(self) -> tuple[str, ...]:
        """Names of the D coordinates."""
        ...

    @property
    def descriptor_bounds(self) -> tuple[tuple[float, float], ...]:
        """Low and high of each coordinate."""
        ...

    @property
    def fitness_bounds(self) -> tuple[float, float]:
        """Worst and best fitness that can be: offset and scale of QD scores."""
        ...

    @property
    def deterministic(self) -> bool:
        """Whether evaluating once is enough."""
        ...

    def sample(self, key: Key) -> Float[Array, "G"]:
        """Draw a solution to begin with."""
        ...

    def evaluate(
        self, key: Key, params: Float[Array, "G"]
    ) -> tuple[Float[Array, ""] | Float[Array, "M"], Float[Array, "D"]]:
        """Fitness and descriptor; bigger fitness is better."""
        ...
