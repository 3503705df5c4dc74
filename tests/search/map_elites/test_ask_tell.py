"""MAP-Elites for evaluations outside JAX."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from poet.archives.config import GridConfig
from poet.errors import ConfigError, PoetError, ShapeError
from poet.search.map_elites.ask_tell import AskTell
from poet.search.map_elites.config import ESEmitterConfig, GaussianConfig, IsoLineConfig, MapElitesConfig

BOUNDS = [(-1.0, 1.0), (-1.0, 1.0)]
GRID = GridConfig(shape=(8, 8)).make(BOUNDS)
ISO_LINE = IsoLineConfig(iso_sigma=0.2)
CONFIG = MapElitesConfig(batch=20, emitters=(ISO_LINE,))


def laboratory(solutions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In double precision, as most evaluations outside JAX."""
    return -np.square(solutions.astype(np.float64)).sum(1), np.tanh(solutions[:, :2].astype(np.float64))


def make_search(*, initial=None, archive=GRID, seed: int = 0, **options) -> AskTell:
    config = MapElitesConfig(**{"batch": 20, "emitters": (ISO_LINE,), **options})
    return AskTell(config, archive, np.zeros((1, 3)) if initial is None else initial, seed=seed, qd_offset=-10.0)


def play(search: AskTell, rounds: int) -> None:
    for _ in range(rounds):
        search.tell(*laboratory(search.ask()))


@pytest.mark.ci
@pytest.mark.parametrize(
    "emitters", [(ISO_LINE,), pytest.param((ESEmitterConfig(sigma=0.5),) * 2, marks=pytest.mark.slow)]
)
def test_the_archive_fills(emitters: tuple) -> None:
    search = make_search(emitters=emitters)
    np.testing.assert_array_equal(search.ask(), np.zeros((20, 3)))
    play(search, 30)
    quality, table = search.summary(), search.table()
    assert quality["coverage"] > 0.3
    assert len(table["fitness"]) == round(quality["coverage"] * 64)
    np.testing.assert_allclose(laboratory(table["params"])[0], table["fitness"], rtol=1e-5, atol=1e-6)


@pytest.mark.ci
def test_asking_twice_gives_the_same_and_copies() -> None:
    search = make_search()
    play(search, 2)
    asked = search.ask()
    kept = asked.copy()
    asked[:] = 99.0
    np.testing.assert_array_equal(search.ask(), kept)
    search.tell(*laboratory(kept))
    assert np.abs(search.table()["params"]).max() < 99


def test_saved_in_the_middle_it_resumes_with_the_same_bits(tmp_path: Path) -> None:
    whole, half, again = make_search(), make_search(), make_search()
    play(whole, 6)
    play(half, 3)
    half.ask()
    half.save(tmp_path / "here.npz")
    again.load(tmp_path / "here.npz")
    play(again, 3)
    for name, column in whole.table().items():
        np.testing.assert_array_equal(column, again.table()[name])


OTHERS = {
    "batch: 20 -> 16": {"batch": 16},
    "emitters.0.iso_sigma: 0.2 -> 5.0": {"emitters": (IsoLineConfig(iso_sigma=5.0),)},
    "emitters.0.id: iso-line -> gaussian": {"emitters": (GaussianConfig(),)},
    "seed: 0 -> 7": {"seed": 7},
    r"initial_solutions: \[1, 3\].* -> \[1, 4\]": {"initial": np.zeros((1, 4))},
    r"initial_solutions: \[1, 3\].* -> \[1, 3\]": {"initial": np.ones((1, 3))},
    "archive.shape: .*8, 8.* -> .*9, 8": {"archive": GridConfig(shape=(9, 8)).make(BOUNDS)},
}


@pytest.mark.parametrize("difference", OTHERS)
def test_with_other_settings_it_does_not_resume(tmp_path: Path, difference: str) -> None:
    make_search().save(tmp_path / "here.npz")
    other = make_search(**OTHERS[difference])
    asked = other.ask()
    with pytest.raises(ConfigError, match=rf"saved with other settings:\n  {difference}"):
        other.load(tmp_path / "here.npz")
    np.testing.assert_array_equal(other.ask(), asked)
    make_search(generations=7).load(tmp_path / "here.npz")


def test_a_file_that_is_no_save_or_damaged_is_refused(tmp_path: Path) -> None:
    search, file = make_search(), tmp_path / "here.npz"
    search.save(file)
    whole = file.read_bytes()
    np.savez(tmp_path / "else.npz", np.zeros(3))
    (tmp_path / "words.npz").write_text("words")
    at = whole.index("iso_sigma".encode("utf-32-le"))  # within the settings
    for damaged, content in (("cut", whole[: len(whole) // 2]), ("flipped", whole[:at] + b"?" + whole[at + 1 :])):
        (tmp_path / f"{damaged}.npz").write_bytes(content)
    for name in ("else", "words", "cut", "flipped", "absent"):
        with pytest.raises(ConfigError, match=rf"{name}\.npz was not written by AskTell.save"):
            search.load(tmp_path / f"{name}.npz")


def test_a_failed_evaluation_is_nan() -> None:
    search = make_search()
    fitness, descriptor = laboratory(search.ask())
    fitness[:15] = np.nan
    report = search.tell(fitness, descriptor)
    assert report["not_finite"] == 15
    assert (report["status"][:15] == 0).all()


def _masked(values: np.ndarray) -> np.ma.MaskedArray:
    mask = np.zeros(values.shape, bool)
    mask[:15] = True
    return np.ma.array(values, mask=mask)


MISSING = {
    "fitness masked": lambda fitness, descriptor: (_masked(fitness), descriptor),
    "fitness None": lambda fitness, descriptor: ([None] * 15 + fitness[15:].tolist(), descriptor),
    "fitness of objects": lambda fitness, descriptor: (
        np.array([None] * 15 + fitness[15:].tolist(), object),
        descriptor,
    ),
    "descriptor masked": lambda fitness, descriptor: (fitness, _masked(descriptor)),
    "descriptor None": lambda fitness, descriptor: (fitness, [None] * 15 + descriptor[15:].tolist()),
    "numbers in it None": lambda fitness, descriptor: (fitness, [[None, 0.5]] * 15 + descriptor[15:].tolist()),
}


@pytest.mark.parametrize("kind", MISSING)
def test_what_is_missing_has_failed(kind: str) -> None:
    search, same = make_search(), make_search()
    fitness, descriptor = laboratory(search.ask())
    same.ask()
    report = search.tell(*MISSING[kind](fitness, descriptor))
    assert report["not_finite"] == 15
    fitness[:15] = np.nan
    same.tell(fitness, descriptor)
    for name, column in same.table().items():
        np.testing.assert_array_equal(column, search.table()[name])


def test_wrong_shapes_raise_and_lose_nothing() -> None:
    search = make_search()
    play(search, 3)
    before = search.table()["fitness"].copy()
    fitness, descriptor = laboratory(search.ask())
    for bad in (
        (fitness[:-1], descriptor),
        (fitness[:, None], descriptor),
        (fitness, descriptor[:, :1]),
        (fitness, descriptor[:, 0]),
        (fitness, np.concatenate([descriptor, descriptor], 1)),
        (fitness.astype(str), descriptor),
        (["none"] * 20, descriptor),
        (fitness, [[0.0, 1.0]] * 19 + [[0.0]]),
    ):
        with pytest.raises(ShapeError, match="expected"):
            search.tell(*bad)
    np.testing.assert_array_equal(search.table()["fitness"], before)
    search.tell(fitness, descriptor)
    with pytest.raises(PoetError, match="ask"):
        search.tell(fitness, descriptor)


@pytest.mark.parametrize("initial", [np.zeros(3), np.zeros((0, 3)), np.full((2, 3), np.nan)])
def test_initial_solutions_must_be_solutions(initial: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="initial_solutions"):
        AskTell(CONFIG, GRID, initial)


@pytest.mark.parametrize("count", [1, 19, 20, 21, 45])
def test_every_initial_solution_is_asked_for(count: int) -> None:
    initial = np.arange(3.0 * count, dtype=np.float32).reshape(count, 3)
    search = AskTell(MapElitesConfig(batch=20, emitters=(ISO_LINE,)), GRID, initial)
    asked = []
    for _ in range(-(-count // 20)):
        asked += search.ask().tolist()
        search.tell(*laboratory(search.ask()))
    assert {tuple(row) for row in initial.tolist()} == {tuple(row) for row in asked}


def test_initial_solutions_out_of_bounds_are_refused() -> None:
    config = MapElitesConfig(batch=4, bounds=(0.0, 1.0))
    with pytest.raises(ConfigError, match=r"within search.bounds \(0.0, 1.0\), got numbers from 0.5 to 5.0"):
        AskTell(config, GRID, [[0.5, 5.0, 1.0]])


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY"])
def test_a_file_that_was_cut_short_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "search.npz").write_bytes(content)
    with pytest.raises(ConfigError, match="was not written by AskTell.save, or it is damaged"):
        make_search().load(tmp_path / "search.npz")


def test_pickling_points_to_save_and_load() -> None:
    with pytest.raises(PoetError, match="cannot be pickled: use save"):
        pickle.dumps(make_search())
