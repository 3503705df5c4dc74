import json
from pathlib import Path

import numpy as np
import pytest

from poet.errors import RunError
from poet.runs.folder import NICHES
from poet.runs.niches import forget_from, write_niche
from poet.runs.read import list_niches, read_niche
from poet.search.base import NicheRecord


def record(niche: int, born: int = 0, **agents: np.ndarray) -> NicheRecord:
    return NicheRecord({"id": niche, "born": born, "best": np.float32(0.5), "novelty": np.nan}, agents)


def test_a_niche_comes_back_bit_for_bit(tmp_path: Path) -> None:
    weights = np.array([np.nan, 1e-45, -0.0, 3.25], np.float32)
    write_niche(tmp_path / NICHES, 12, record(12, admission=weights, best=-weights))
    meta, agents = read_niche(tmp_path, 12)
    assert meta == {"id": 12, "born": 0, "best": 0.5, "novelty": None, "nonfinite": ["novelty"]}
    assert agents.keys() == {"admission", "best"}
    assert agents["admission"].tobytes() == weights.tobytes()
    assert agents["admission"].dtype == np.float32


def test_a_later_record_replaces_an_earlier(tmp_path: Path) -> None:
    write_niche(tmp_path / NICHES, 1, record(1, admission=np.zeros(2)))
    write_niche(tmp_path / NICHES, 1, record(1, admission=np.ones(2), retirement=np.ones(2)))
    assert read_niche(tmp_path, 1)[1].keys() == {"admission", "retirement"}
    assert {path.name for path in (tmp_path / NICHES).iterdir()} == {"1.json", "1.npz"}


def test_niches_are_listed_by_number(tmp_path: Path) -> None:
    assert list_niches(tmp_path) == []
    for niche in (10, 9, 0):
        write_niche(tmp_path / NICHES, niche, record(niche))
    assert list_niches(tmp_path) == [0, 9, 10]


def test_an_unknown_niche_names_those_there_are(tmp_path: Path) -> None:
    write_niche(tmp_path / NICHES, 3, record(3))
    with pytest.raises(RunError, match="no niche 4: it has 3"):
        read_niche(tmp_path, 4)


def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    write_niche(tmp_path / NICHES, 3, record(3, best=np.ones(3)))
    (tmp_path / NICHES / "3.npz").write_bytes(b"PK")
    with pytest.raises(RunError, match=r"3\.npz cannot be read"):
        read_niche(tmp_path, 3)


def test_work_that_was_lost_is_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / NICHES
    for niche, born in enumerate((0, 4, 5, 6)):
        write_niche(folder, niche, record(niche, born))
    (folder / "9.json").write_text('{"born": ')
    forget_from(folder, 5)
    assert {path.name for path in folder.iterdir()} == {"0.json", "0.npz", "1.json", "1.npz"}
    assert json.loads((folder / "1.json").read_text())["born"] == 4
