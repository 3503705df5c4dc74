"""The rules of a MAP-Elites search; imports no jax."""

import dataclasses
from typing import Literal

from poet.errors import ConfigError, unknown

EMITTERS = ("iso_line", "gaussian", "polynomial", "crossover", "es")


@dataclasses.dataclass(frozen=True)
class MapElitesConfig:
    """How solutions are varied and how many at a time."""

    batch: int = 1024  # solutions of a generation, shared equally by the emitters
    generations: int = 100  # of one iteration: they run in one compiled call
    initial: int = 1024  # solutions drawn from the problem to begin with
    islands: int = 1  # archives that advance apart, each on a device, and are merged after each iteration
    # What makes solutions: of each name as many as it is listed times, side by side.
    emitters: tuple[str, ...] = ("iso_line",)
    # So many of them act in a generation and share the batch: those that a bandit expects most of (Cully 2021,
    # arXiv 2007.05352). None for all.
    active: int | None = None

    iso_sigma: float = 0.01  # iso_line (Vassiliades and Mouret 2018, arXiv 1804.03906): noise on every parameter
    line_sigma: float = 0.2  # iso_line: noise along the line to another elite
    sigma: float = 0.1  # gaussian: noise; es: spread at a start
    eta: float = 20.0  # polynomial (Deb 2001): the larger, the nearer to the parent
    rate: float = 0.05  # polynomial: share of parameters that change; crossover takes each from either parent
    bounds: tuple[float, float] | None = None  # low and high, that solutions are clipped to; polynomial needs them

    strategy: str = "CMA_ES"  # es: any strategy of evosax
    # es: what the strategy climbs. improvement: new cells first, then gains (CMA-ME, arXiv 1912.02400); gain: gains
    # over the threshold alone (CMA-MAE, arXiv 2205.10752, with archive.learning_rate); fitness: the objective.
    climb: Literal["improvement", "gain", "fitness"] = "improvement"
    # es: when it starts again from a random elite: once nothing of a generation was an improvement, or only when its
    # spread has collapsed or run away.
    restart: Literal["stalled", "collapsed"] = "stalled"
    patience: int = 0  # es: generations after which it starts again in any case; 0 for never

    reevaluate: int = 0  # evaluations of every elite behind corrected scores, for noisy problems; 0 for none

    def __post_init__(self) -> None:
        for name in ("batch", "generations", "initial", "islands"):
            if getattr(self, name) < 1:
                raise ConfigError(f"search.{name} expects at least 1, got {getattr(self, name)}")
        for name in ("iso_sigma", "line_sigma", "sigma", "eta", "patience", "reevaluate"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"search.{name} expects a number of at least 0, got {getattr(self, name)}")
        if isinstance(self.emitters, str):
            raise ConfigError(f"search.emitters expects a tuple of names, got {self.emitters!r}: a comma is missing")
        for name in self.emitters:
            if name not in EMITTERS:
                raise unknown("emitter", name, EMITTERS)
        if not self.emitters:
            raise ConfigError("search.emitters expects at least one")
        if self.active is not None and not 1 <= self.active < len(self.emitters):
            raise ConfigError(
                f"search.active expects fewer than the {len(self.emitters)} of search.emitters and at least 1, "
                f"got {self.active}"
            )
        sharers = self.active or len(self.emitters)
        if self.batch % sharers:
            raise ConfigError(f"search.batch {self.batch} expects to be shared equally by {sharers} emitters")
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise ConfigError(f"search.bounds expects a low and a higher high, got {self.bounds}")
        if "polynomial" in self.emitters and self.bounds is None:
            raise ConfigError("the polynomial emitter needs search.bounds")
        if not 0 < self.rate <= 1:
            raise ConfigError(f"search.rate expects a share in (0, 1], got {self.rate}")
        if self.batch * self.generations * self.islands >= 2**31:
            raise ConfigError("search.batch x generations x islands must stay below 2**31: take fewer generations")
        for name, choices in (("climb", ("improvement", "gain", "fitness")), ("restart", ("stalled", "collapsed"))):
            if getattr(self, name) not in choices:
                raise ConfigError(f"search.{name} expects one of {choices}, got {getattr(self, name)!r}")
        if "es" in self.emitters and self.share % 2:
            raise ConfigError(
                f"an es emitter expects an even share of search.batch, as strategies of evosax do; "
                f"{self.batch} shared by {sharers} is {self.share}: take {sharers * (self.share + 1)}"
            )

    @property
    def share(self) -> int:
        """Solutions that each acting emitter makes in a generation."""
        return self.batch // (self.active or len(self.emitters))
