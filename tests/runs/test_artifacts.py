import json
from pathlib import Path

import numpy as np
import pytest

from poet.errors import RunError
from poet.runs import artifacts
from poet.runs.artifacts import remove_born_since, write_artifact
from poet.runs.layout import NICHES
from poet.runs.read import list_artifacts, list_niches, read_artifact, read_niche
from poet.search.base import Record


def niche_record(niche: int, born: int = 0, **agents: np.ndarray) -> Record:
    return Record({"id": niche, "born": born, "best": np.float32(0.5), "novelty": np.nan}, agents)


def test_a_niche_is_read_bit_for_bit(tmp_path: Path) -> None:
    weights = np.array([np.nan, 1e-45, -0.0, 3.25], np.float32)
    write_artifact(tmp_path / NICHES / "12", niche_record(12, admission=weights, best=-weights))
    niche = read_niche(tmp_path, 12)
    assert niche.meta == {"id": 12, "born": 0, "best": 0.5, "novelty": None, "nonfinite": ["novelty"]}
    assert niche.arrays.keys() == {"admission", "best"}
    assert niche.arrays["admission"].tobytes() == weights.tobytes()
    assert niche.arrays["admission"].dtype == np.float32


def test_a_later_record_replaces_an_earlier(tmp_path: Path) -> None:
    write_artifact(tmp_path / NICHES / "1", niche_record(1, admission=np.zeros(2)))
    write_artifact(tmp_path / NICHES / "1", niche_record(1, admission=np.ones(2), retirement=np.ones(2)))
    assert read_niche(tmp_path, 1).arrays.keys() == {"admission", "retirement"}
    assert {path.name for path in (tmp_path / NICHES).iterdir()} == {"1.json", "1.npz"}


def test_niches_are_listed_by_number(tmp_path: Path) -> None:
    assert list_niches(tmp_path) == []
    for niche in (10, 9, 0):
        write_artifact(tmp_path / NICHES / str(niche), niche_record(niche))
    assert list_niches(tmp_path) == [0, 9, 10]


def test_the_error_for_an_unknown_niche_lists_the_known(tmp_path: Path) -> None:
    write_artifact(tmp_path / NICHES / "3", niche_record(3))
    with pytest.raises(RunError, match="no niche 4: it has 3"):
        read_niche(tmp_path, 4)


def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    write_artifact(tmp_path / NICHES / "3", niche_record(3, best=np.ones(3)))
    (tmp_path / NICHES / "3.npz").write_bytes(b"PK")
    with pytest.raises(RunError, match=r"3\.npz is not what 3\.json belongs to: it was damaged or replaced"):
        read_niche(tmp_path, 3)


def test_swapped_arrays_are_noticed(tmp_path: Path) -> None:
    """Those of another niche, of another run, and earlier ones that were put back."""
    for niche in (1, 2):
        write_artifact(tmp_path / NICHES / str(niche), niche_record(niche, best=np.full(3, niche)))
    file = tmp_path / NICHES / "1.npz"
    earlier = file.read_bytes()
    (tmp_path / "other").mkdir()
    write_artifact(tmp_path / "other" / NICHES / "1", niche_record(1, best=np.zeros(3)))
    for factor in (7, 8):
        write_artifact(tmp_path / NICHES / "1", niche_record(1, best=np.full(3, factor)))
    for wrong in (tmp_path / NICHES / "2.npz", tmp_path / "other" / NICHES / "1.npz"):
        file.write_bytes(wrong.read_bytes())
        with pytest.raises(RunError, match="damaged or replaced"):
            read_niche(tmp_path, 1)
    file.write_bytes(earlier)
    with pytest.raises(RunError, match="damaged or replaced"):
        read_niche(tmp_path, 1)


def test_a_record_is_whole_after_a_kill_between_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / NICHES / "1"
    write_artifact(place, niche_record(1, best=np.zeros(3)))
    write = artifacts.atomic_write

    def die_at_arrays(path: Path, data: bytes) -> None:
        if path.suffix == ".npz":
            raise KeyboardInterrupt
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "atomic_write", die_at_arrays)
        with pytest.raises(KeyboardInterrupt):
            write_artifact(place, niche_record(1, best=np.ones(3)))
    assert read_niche(tmp_path, 1).arrays["best"].tolist() == [0, 0, 0]
    write_artifact(place, niche_record(1, best=np.ones(3)))
    assert read_niche(tmp_path, 1).arrays["best"].tolist() == [1, 1, 1]


def test_records_of_lost_iterations_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / NICHES
    for niche, born in enumerate((0, 4, 5, 6)):
        write_artifact(folder / str(niche), niche_record(niche, born))
    write_artifact(folder / "9", niche_record(9, 4))
    (folder / "9.json").write_text('{"born": ')  # cut short
    for name, content in (("settings.json", '{"born": 9}'), ("list.json", "[]"), ("list.npz", "")):
        (folder / name).write_text(content)
    remove_born_since(folder, 5)
    kept = {"0.json", "0.npz", "1.json", "1.npz"}
    assert {path.name for path in folder.iterdir()} == kept | {"settings.json", "list.json", "list.npz"}
    assert json.loads((folder / "1.json").read_text())["born"] == 4


def test_records_of_any_folder_are_read_by_number(tmp_path: Path) -> None:
    for number in (10, 2):
        write_artifact(tmp_path / "stages" / str(number), niche_record(number, params=np.full(2, number)))
    assert list_artifacts(tmp_path, "stages") == [2, 10]
    record = read_artifact(tmp_path, "stages", 10)
    assert record.meta["id"] == 10
    assert record.arrays["params"].tolist() == [10, 10]
    with pytest.raises(RunError, match="no stage 3: it has 2, 10"):
        read_artifact(tmp_path, "stages", 3)
    assert list_artifacts(tmp_path, "niches") == []
