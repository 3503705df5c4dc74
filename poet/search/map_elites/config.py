"""Options of MAP-Elites and of its emitters; imports no jax."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from poet.agents.config import MLPConfig, PolicyConfig
from poet.archives.config import ArchiveConfig, GridConfig
from poet.archives.selections import SelectionConfig, UniformConfig
from poet.envs.arm.config import ArmConfig
from poet.envs.config import GeneratorConfig, ProblemConfig
from poet.errors import ConfigError, ContractError
from poet.registry import PluginConfig, Registry
from poet.search.config import RunConfig
from poet.typed_config import TypedConfig

if TYPE_CHECKING:
    from poet.archives.base import Archive
    from poet.search.base import RunContext, Search
    from poet.search.map_elites.algorithm import MapElitesState
    from poet.search.map_elites.base import Emitter, EmitterContext
    from poet.search.map_elites.scoring import ScoringFn


# Of parameters: one pair (low, high) for all of them, or a pair for each.
Bounds = tuple[float, float] | tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True)
class EmitterConfig(PluginConfig):
    """Base of the configs of emitters: what makes new solutions from the elites of an archive.

    A subclass sets `id`, adds fields with defaults, and defines `make`; see `poet.search.map_elites.base`. A package
    publishes it as an entry point in the group `poet.emitters`.

    >>> @dataclasses.dataclass(frozen=True)
    ... class BlendConfig(EmitterConfig):
    ...     id: ClassVar[str] = "blend"
    ...     weight: float = 0.5  # of the second parent
    ...
    ...     def make(self, context):
    ...         from poet.search.map_elites.variation import variation
    ...
    ...         def blend(key, first, second):
    ...             return first + self.weight * (second - first)
    ...
    ...         return variation(blend, context, num_parents=2)
    >>> MapElitesConfig(batch=64, emitters=(BlendConfig(weight=0.3), IsoLineConfig())).emitter_population
    32
    """

    def make(self, context: EmitterContext) -> Emitter:
        """The emitter; import jax here, not at the top of the module that holds the config."""
        raise ContractError(f"{type(self).__name__} must define make(self, context) -> Emitter")

    def check(self, population: int, bounds: Sequence[Any] | None) -> None:
        """Raise `ConfigError` unless the emitter can work with these options of the search.

        `population` is the number of solutions that one emitter makes in a generation, `bounds` are those of the
        parameters. Called before jax starts.
        """


def _check_not_negative(config: EmitterConfig, *names: str) -> None:
    for name in names:
        if not getattr(config, name) >= 0:
            raise ConfigError(
                f"emitter {config.id}: {name} expects a number of at least 0, got {getattr(config, name)}"
            )


def _check_rate(config: PolynomialConfig | CrossoverConfig) -> None:
    if not 0 < config.rate <= 1:
        raise ConfigError(f"emitter {config.id}: rate expects a probability in (0, 1], got {config.rate}")


@dataclasses.dataclass(frozen=True)
class IsoLineConfig(EmitterConfig):
    """Noise on every parameter and along the line to another elite (Vassiliades and Mouret 2018, arXiv 1804.03906)."""

    id: ClassVar[str] = "iso-line"

    iso_sigma: float = 0.01  # standard deviation of the noise on every parameter
    line_sigma: float = 0.2  # standard deviation of the step along the line, as a multiple of the distance

    def __post_init__(self) -> None:
        _check_not_negative(self, "iso_sigma", "line_sigma")

    def make(self, context: EmitterContext) -> Emitter:
        """The emitter."""
        from poet.search.map_elites.variation import iso_line

        return iso_line(self, context)


@dataclasses.dataclass(frozen=True)
class GaussianConfig(EmitterConfig):
    """Noise on every parameter."""

    id: ClassVar[str] = "gaussian"

    sigma: float = 0.1  # standard deviation of the noise

    def __post_init__(self) -> None:
        _check_not_negative(self, "sigma")

    def make(self, context: EmitterContext) -> Emitter:
        """The emitter."""
        from poet.search.map_elites.variation import gaussian

        return gaussian(self, context)


@dataclasses.dataclass(frozen=True)
class PolynomialConfig(EmitterConfig):
    """Polynomial mutation (Deb 2001) of a share of the parameters; needs `search.bounds`."""

    id: ClassVar[str] = "polynomial"

    eta: float = 20.0  # distribution index: the larger it is, the smaller the steps
    rate: float = 0.05  # probability that a parameter changes

    def __post_init__(self) -> None:
        _check_not_negative(self, "eta")
        _check_rate(self)

    def make(self, context: EmitterContext) -> Emitter:
        """The emitter. Raises `ConfigError` if the context has no bounds."""
        from poet.search.map_elites.variation import polynomial

        return polynomial(self, context)

    def check(self, population: int, bounds: Sequence[Any] | None) -> None:
        """Raise `ConfigError` if there are no bounds."""
        if bounds is None:
            raise ConfigError("emitter polynomial needs search.bounds, the range of every parameter")


@dataclasses.dataclass(frozen=True)
class CrossoverConfig(EmitterConfig):
    """Uniform crossover of two elites, then noise on a share of the parameters."""

    id: ClassVar[str] = "crossover"

    rate: float = 0.05  # probability that a parameter gets noise
    sigma: float = 0.1  # standard deviation of that noise

    def __post_init__(self) -> None:
        _check_not_negative(self, "sigma")
        _check_rate(self)

    def make(self, context: EmitterContext) -> Emitter:
        """The emitter."""
        from poet.search.map_elites.variation import crossover

        return crossover(self, context)


@dataclasses.dataclass(frozen=True)
class ESEmitterConfig(EmitterConfig):
    """An evolution strategy of evosax that starts from an elite."""

    id: ClassVar[str] = "es"

    strategy: str = "CMA_ES"  # an evosax strategy
    sigma: float = 0.1  # spread of the candidates at each start
    # By what solutions are ranked. two_stage_improvement: those that fill a free cell before those that improve an
    # elite, each group by improvement (CMA-ME, arXiv 1912.02400); improvement: over the elite, or over the cell's
    # threshold with archive.learning_rate (CMA-MAE, arXiv 2205.10752); fitness: the objective itself.
    ranking: Literal["two_stage_improvement", "improvement", "fitness"] = "two_stage_improvement"
    # When the strategy restarts from a random elite. stalled: after a generation without any improvement of the
    # archive, and when its spread has collapsed or diverged; collapsed: only for the latter.
    restart: Literal["stalled", "collapsed"] = "stalled"
    max_generations: int = 0  # generations after which it restarts in any case; 0 for no limit

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise ConfigError(f"emitter {self.id}: sigma expects a positive number, got {self.sigma}")
        _check_not_negative(self, "max_generations")

    def make(self, context: EmitterContext) -> Emitter:
        """The emitter. Raises `ConfigError` for a strategy that evosax lacks."""
        from poet.search.map_elites.es_emitter import es_emitter

        return es_emitter(self, context)

    def check(self, population: int, bounds: Sequence[Any] | None) -> None:
        """Raise `ConfigError` for an odd population."""
        if population % 2:
            raise ConfigError(
                f"emitter es expects an even number of solutions per generation, as strategies of evosax do, got "
                f"{population}: take a search.batch that gives each active emitter an even share, as {population + 1}"
            )


emitters: Registry[type[EmitterConfig]] = Registry("emitter", EmitterConfig)


@dataclasses.dataclass(frozen=True)
class MapElitesConfig(TypedConfig):
    """How many solutions are made at a time, and by which emitters."""

    batch: int = 1024  # solutions of a generation, shared equally by the active emitters
    generations: int = 100  # generations of one iteration: they run in one compiled call
    initial: int = 1024  # solutions drawn from the problem before the first generation, rounded up to whole batches
    islands: int = 1  # archives that are filled independently, each on one device, and merged after each iteration
    # What makes solutions from elites; emitters with equal options act as one, side by side.
    emitters: tuple[EmitterConfig, ...] = (IsoLineConfig(),)
    # Number of emitters that act in a generation, chosen by a bandit (Cully 2021, arXiv 2007.05352); None for all.
    active: int | None = None
    # What is drawn from the archive as a parent: uniform, weighted by a score, or least-chosen by counters.
    selection: SelectionConfig = dataclasses.field(default_factory=UniformConfig)
    # Low and high of every parameter, or of each in turn (low high low high ...): solutions are clipped to them.
    bounds: Bounds | None = None
    extra: tuple[str, ...] = ()  # facts that are stored with elites; of agents: length and success of their episode
    reevaluate: int = 0  # evaluations of every elite for corrected scores of noisy problems; 0 for none

    def __post_init__(self) -> None:
        for name in ("batch", "generations", "initial", "islands"):
            if getattr(self, name) < 1:
                raise ConfigError(f"search.{name} expects at least 1, got {getattr(self, name)}")
        if not self.reevaluate >= 0:
            raise ConfigError(f"search.reevaluate expects a number of at least 0, got {self.reevaluate}")
        self._check_bounds()
        if self.batch * self.generations * self.islands >= 2**31:
            raise ConfigError("search.batch x generations x islands must be below 2**31: take fewer generations")
        self._check_emitters()

    def _check_bounds(self) -> None:
        if self.bounds is None:
            return
        if not self.bounds:
            raise ConfigError("search.bounds expects a pair (low, high), or a pair for each parameter, got no pair")
        pairs = self.bounds if isinstance(self.bounds[0], tuple) else (self.bounds,)
        for number, pair in enumerate(pairs):
            low, high = cast(tuple[float, float], pair)
            if not low < high:
                of = f" for parameter {number}" if len(pairs) > 1 else ""
                raise ConfigError(f"search.bounds expects a low and a higher high, got {(low, high)}{of}")

    def _check_emitters(self) -> None:
        if not isinstance(self.emitters, tuple) or not all(isinstance(each, EmitterConfig) for each in self.emitters):
            raise ConfigError(
                f"search.emitters expects a tuple of emitter configs, as in (IsoLineConfig(),), got {self.emitters!r}"
            )
        if not self.emitters:
            raise ConfigError("search.emitters expects at least one")
        if self.active is not None and not 1 <= self.active < len(self.emitters):
            raise ConfigError(
                f"search.active expects fewer than the {len(self.emitters)} of search.emitters and at least 1, "
                f"got {self.active}"
            )
        num_active = self.active or len(self.emitters)
        if self.batch % num_active:
            raise ConfigError(f"search.batch {self.batch} cannot be shared equally by {num_active} emitters")
        for emitter in self.emitters:
            emitter.check(self.emitter_population, self.bounds)

    @property
    def emitter_population(self) -> int:
        """Number of solutions that each active emitter makes in a generation."""
        return self.batch // (self.active or len(self.emitters))


@dataclasses.dataclass(frozen=True)
class MapElitesRunConfig(RunConfig):
    """The best solution of every kind (Mouret and Clune 2015, arXiv 1504.04909).

    Solutions of a problem, or agents in the simplest environment of a generator.
    """

    id: ClassVar[str] = "map-elites"
    view: ClassVar[str] = "archive"

    problem: ProblemConfig | GeneratorConfig = dataclasses.field(default_factory=ArmConfig)
    policy: PolicyConfig = dataclasses.field(default_factory=MLPConfig)  # of the agents, where a generator is given
    archive: ArchiveConfig = dataclasses.field(default_factory=GridConfig)
    search: MapElitesConfig = dataclasses.field(default_factory=MapElitesConfig)
    qd_offset: float | None = None  # worst fitness, subtracted in QD scores; by default the problem's own, or 0

    def describe(self) -> str:
        """Problem, emitters and archive."""
        emitters = "+".join(dict.fromkeys(emitter.id for emitter in self.search.emitters))
        return f"{self.problem.id}, {emitters} in batches of {self.search.batch}, {self.archive.id} archive"

    def make(
        self, context: RunContext, *, scoring: ScoringFn | None = None, archive: Archive | None = None
    ) -> Search[MapElitesState]:
        """The search. `scoring` replaces the problem or generator of the config, `archive` its archive.

        Raises `ContractError` for a `scoring` without an archive: only a problem defines bounds of its descriptors.

        >>> from poet.search.base import RunContext
        >>> config = MapElitesRunConfig(problem=ArmConfig(num_joints=3), search=MapElitesConfig(batch=8, generations=2))
        >>> search = config.make(RunContext())
        >>> search.identity
        {'problem': {'id': 'arm-v1'}}
        >>> search.close()
        """
        from poet.search.map_elites.build import build

        return build(self, context, scoring, archive)
