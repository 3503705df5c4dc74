"""MAP-Elites for evaluations that are not JAX."""

from pathlib import Path

import numpy as np
import pytest

from poet.archives import make
from poet.errors import ConfigError, PoetError, ShapeError
from poet.search.map_elites.ask_tell import AskTell
from poet.search.map_elites.config import MapElitesConfig

SPEC = {"kind": "grid", "shape": [8, 8], "bounds": [[-1, 1], [-1, 1]]}
CONFIG = MapElitesConfig(batch=20, iso_sigma=0.2)


def laboratory(solutions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In double precision, as most things outside are."""
    return -np.square(solutions.astype(np.float64)).sum(1), np.tanh(solutions[:, :2].astype(np.float64))


def make_one(**options) -> AskTell:
    return AskTell(MapElitesConfig(batch=20, iso_sigma=0.2, **options), make(SPEC), np.zeros((1, 3)), offset=-10.0)


def play(search: AskTell, rounds: int) -> None:
    for _ in range(rounds):
        search.tell(*laboratory(search.ask()))


@pytest.mark.parametrize("emitters", [("iso_line",), pytest.param(("es", "es"), marks=pytest.mark.slow)])
def test_the_archive_fills(emitters: tuple) -> None:
    search = make_one(emitters=emitters, sigma=0.5)
    np.testing.assert_array_equal(search.ask(), np.zeros((20, 3)))
    play(search, 30)
    found, table = search.summary(), search.table()
    assert found["coverage"] > 0.3
    assert len(table["fitness"]) == round(found["coverage"] * 64)
    np.testing.assert_allclose(laboratory(table["params"])[0], table["fitness"], rtol=1e-5, atol=1e-6)


def test_asking_twice_gives_the_same_and_copies() -> None:
    search = make_one()
    play(search, 2)
    asked = search.ask()
    kept = asked.copy()
    asked[:] = 99.0
    np.testing.assert_array_equal(search.ask(), kept)
    search.tell(*laboratory(kept))
    assert np.abs(search.table()["params"]).max() < 99


def test_saved_in_the_middle_it_goes_on_the_same(tmp_path: Path) -> None:
    whole, half, again = make_one(), make_one(), make_one()
    play(whole, 6)
    play(half, 3)
    half.ask()
    half.save(tmp_path / "here.npz")
    again.load(tmp_path / "here.npz")
    play(again, 3)
    for name, column in whole.table().items():
        np.testing.assert_array_equal(column, again.table()[name])


OTHERS = {
    "batch: 20 -> 16": lambda: AskTell(MapElitesConfig(batch=16, iso_sigma=0.2), make(SPEC), np.zeros((1, 3))),
    "iso_sigma: 0.2 -> 5.0": lambda: AskTell(MapElitesConfig(batch=20, iso_sigma=5.0), make(SPEC), np.zeros((1, 3))),
    "emitters: .*iso_line.* -> .*gaussian": lambda: make_one(emitters=("gaussian",)),
    "seed: 0 -> 7": lambda: AskTell(CONFIG, make(SPEC), np.zeros((1, 3)), seed=7),
    r"start: \[1, 3\].* -> \[1, 4\]": lambda: AskTell(CONFIG, make(SPEC), np.zeros((1, 4))),
    r"start: \[1, 3\].* -> \[1, 3\]": lambda: AskTell(CONFIG, make(SPEC), np.ones((1, 3))),
    "archive.shape: .*8, 8.* -> .*9, 8": lambda: AskTell(CONFIG, make({**SPEC, "shape": [9, 8]}), np.zeros((1, 3))),
}


@pytest.mark.parametrize("difference", OTHERS)
def test_with_other_settings_it_does_not_go_on(tmp_path: Path, difference: str) -> None:
    make_one().save(tmp_path / "here.npz")
    other = OTHERS[difference]()
    asked = other.ask()
    with pytest.raises(ConfigError, match=f"saved with other settings:\n  {difference}"):
        other.load(tmp_path / "here.npz")
    np.testing.assert_array_equal(other.ask(), asked)
    AskTell(MapElitesConfig(batch=20, iso_sigma=0.2, generations=7), make(SPEC), np.zeros((1, 3))).load(
        tmp_path / "here.npz"
    )


def test_what_is_no_save_or_damaged_says_so(tmp_path: Path) -> None:
    search, file = make_one(), tmp_path / "here.npz"
    search.save(file)
    whole = file.read_bytes()
    np.savez(tmp_path / "else.npz", np.zeros(3))
    (tmp_path / "words.npz").write_text("words")
    at = whole.index("iso_sigma".encode("utf-32-le"))  # within the settings
    for damaged, content in (("cut", whole[: len(whole) // 2]), ("flipped", whole[:at] + b"?" + whole[at + 1 :])):
        (tmp_path / f"{damaged}.npz").write_bytes(content)
    for name in ("else", "words", "cut", "flipped", "absent"):
        with pytest.raises(ConfigError, match=rf"{name}\.npz is not what AskTell.save wrote"):
            search.load(tmp_path / f"{name}.npz")


def test_what_could_not_be_evaluated_is_nan() -> None:
    search = make_one()
    fitness, places = laboratory(search.ask())
    fitness[:15] = np.nan
    told = search.tell(fitness, places)
    assert told["not_finite"] == 15
    assert (told["status"][:15] == 0).all()


def test_wrong_shapes_raise_and_lose_nothing() -> None:
    search = make_one()
    play(search, 3)
    before = search.table()["fitness"].copy()
    fitness, places = laboratory(search.ask())
    for bad in (
        (fitness[:-1], places),
        (fitness[:, None], places),
        (fitness, places[:, :1]),
        (fitness, places[:, 0]),
        (fitness, np.concatenate([places, places], 1)),
        (fitness.astype(str), places),
        ([None] * 20, places),
    ):
        with pytest.raises(ShapeError, match="expected"):
            search.tell(*bad)
    np.testing.assert_array_equal(search.table()["fitness"], before)
    search.tell(fitness, places)
    with pytest.raises(PoetError, match="ask"):
        search.tell(fitness, places)


@pytest.mark.parametrize("start", [np.zeros(3), np.zeros((0, 3)), np.full((2, 3), np.nan)])
def test_a_start_must_be_solutions(start: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="start"):
        AskTell(CONFIG, make(SPEC), start)
