"""Atari games by the Arcade Learning Environment (Bellemare et al. 2013, arXiv 1207.4708) as simulators with snapshots.

The emulator is deterministic: without sticky actions an episode follows from its actions. A snapshot belongs to one
version of ale-py and one ROM, and says so.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from poet.envs.adapters.seeds import seeds
from poet.envs.base import Discrete, Interface
from poet.envs.host import HostStep
from poet.envs.vector import VectorGenerator
from poet.errors import ConfigError, ContractError
from poet.extras import import_extra
from poet.types import Genome

if TYPE_CHECKING:
    from poet.envs.adapters.config import AtariConfig

RAM_BYTES = 128
STAMP_BYTES = 16


class Ram(NamedTuple):
    """What an agent sees without frames."""

    ram: Any  # u8[128]


class RamAndFrame(NamedTuple):
    """What an agent sees with frames."""

    ram: Any  # u8[128]
    frame: Any  # u8[rows, columns], the screen in grey


@dataclasses.dataclass(frozen=True)
class Atari:
    """A `HostEnvironment` of one game. The fields are those of `AtariConfig`.

    Raises `ConfigError` where ale-py is not installed, and for an unknown game.
    """

    game: str
    horizon: int = 27_000
    frame_skip: int = 4
    sticky: float = 0.0
    frame: tuple[int, int] | None = None
    one_life: bool = True

    def __post_init__(self) -> None:
        _rom(self.game)

    @property
    def snapshot_bytes(self) -> int:
        """The state of the emulator has about 8 kB, with that of its random numbers 15 kB."""
        return 2**14 if self.sticky else 2**13

    @property
    def interface(self) -> Interface:
        """Memory and, on demand, the screen; the actions that the game knows."""
        ram = jax.ShapeDtypeStruct((RAM_BYTES,), jnp.uint8)
        obs = RamAndFrame(ram, jax.ShapeDtypeStruct(self.frame, jnp.uint8)) if self.frame else Ram(ram)
        return Interface(f"atari-{self.game}-v1", obs, Discrete(_num_actions(self.game)), self.horizon)

    @property
    def can_render(self) -> bool:
        """Whether there are pictures of its episodes."""
        return True

    def make_simulator(self, genome: Genome) -> AtariSimulator:
        """One emulator; the genome says what its random numbers come from."""
        return AtariSimulator(self, int(genome.seed))


class AtariSimulator:
    """A `Simulator` of one game."""

    def __init__(self, environment: Atari, seed: int) -> None:
        self._environment, self._stamp = environment, _stamp(environment.game)
        self._ale = _emulator(environment.game, environment.frame_skip, environment.sticky, seed)
        self._actions, self._lives = self._ale.getMinimalActionSet(), 0

    def reset(self, seed: int) -> Ram | RamAndFrame:
        """The game begins; sticky actions come from the genome, not from this seed."""
        self._ale.reset_game()
        self._lives = self._ale.lives()
        return self._observe()

    def step(self, action: np.ndarray | np.integer) -> HostStep:
        """One action for `frame_skip` frames. The reward is the change of the score."""
        reward = self._ale.act(self._actions[int(action)])
        ended = self._ale.game_over(with_truncation=False)
        ended |= self._environment.one_life and self._ale.lives() < self._lives
        return HostStep(self._observe(), float(reward), bool(ended))

    def snapshot(self) -> bytes:
        """The state of the emulator. Raises `ContractError` once the game is over: its screen could not be restored."""
        if self._ale.game_over(with_truncation=False):
            raise ContractError("an Atari game that is over has no snapshot: take it before")
        return self._stamp + self._ale.cloneState(include_rng=self._environment.sticky > 0).serialize()

    def restore(self, data: bytes) -> None:
        """Return to a snapshot. Raises `ContractError` for one of another version of ale-py, or of another ROM."""
        if data[:STAMP_BYTES] != self._stamp:
            raise ContractError(
                f"this snapshot of {self._environment.game} was made with another version of ale-py than the installed "
                f"{_library().__version__}, or with another ROM: install the version that the run.json of its run names"
            )
        self._ale.restoreState(_library().ALEState(data[STAMP_BYTES:]))
        self._lives = self._ale.lives()

    def render(self) -> np.ndarray:
        """The screen; after a return to a snapshot it is right from the next step on."""
        return self._ale.getScreenRGB()

    def close(self) -> None:
        """The emulator goes with this object."""

    def _observe(self) -> Ram | RamAndFrame:
        ram = np.array(self._ale.getRAM(), np.uint8)
        if self._environment.frame is None:
            return Ram(ram)
        rows, columns = self._environment.frame
        image = Image.fromarray(self._ale.getScreenGrayscale())
        return RamAndFrame(ram, np.asarray(image.resize((columns, rows), Image.Resampling.BOX)))


def atari(config: AtariConfig) -> VectorGenerator:
    """The generator of one game, whose genomes are the seeds of sticky actions.

    >>> from poet.envs.adapters.config import AtariConfig
    >>> games = atari(AtariConfig(game="pitfall"))
    >>> games.environment.interface.action, games.describe(games.simplest())
    (Discrete(num=18), 'seed 0')
    """
    environment = Atari(config.game, config.horizon, config.frame_skip, config.sticky, config.frame, config.one_life)
    high = config.return_range[1]
    solved = high if config.solved_return is None else config.solved_return
    return VectorGenerator("atari", environment, seeds(), return_range=config.return_range, solved_return=solved)


def _library() -> Any:
    return import_extra("atari", "ale_py")


@functools.cache
def _rom(game: str) -> Path:
    roms: Any = import_extra("atari", "ale_py.roms")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        path = roms.get_rom_path(game)
    if path is None:
        raise ConfigError(f"ale-py has no game {game!r}; it has {', '.join(sorted(roms.get_all_rom_ids()))}")
    return Path(path)


@functools.cache
def _stamp(game: str) -> bytes:
    """What a snapshot belongs to."""
    rom = hashlib.sha256(_rom(game).read_bytes()).digest()
    return hashlib.sha256(rom + _library().__version__.encode()).digest()[:STAMP_BYTES]


@functools.cache
def _num_actions(game: str) -> int:
    return len(_emulator(game, 1, 0.0, 0).getMinimalActionSet())


def _emulator(game: str, frame_skip: int, sticky: float, seed: int) -> Any:
    library = _library()
    library.ALEInterface.setLoggerMode(library.LoggerMode.Error)
    emulator = library.ALEInterface()
    emulator.setInt("random_seed", seed)
    emulator.setInt("frame_skip", frame_skip)
    emulator.setFloat("repeat_action_probability", sticky)
    emulator.loadROM(str(_rom(game)))
    return emulator
