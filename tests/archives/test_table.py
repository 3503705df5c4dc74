"""Elites as columns, frames and files, and back."""

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poet.archives import files, table
from poet.archives.layout import grid_layout
from poet.archives.pyribs import from_pyribs, to_pyribs
from poet.errors import ConfigError, ShapeError
from tests.archives.by_hand import FRONTS, GRID, NUM, rows

SOME = {3: 1.0, 7: -2.0, 19: 4.5}
META = {"spec": GRID, "iteration": 12, "descriptor_names": ["x", "y"], "fitness_bounds": None}
FLAT = jax.ShapeDtypeStruct((3,), jnp.float32)
PAIR = {
    "agent": jnp.zeros(2),
    "genome": {"pit": jnp.zeros((), jnp.int32), "wall": jnp.zeros((2, 2), bool), "id": jnp.zeros(1)},
}


def assert_identical(a, b):
    """Raises `AssertionError` unless two trees are equal in every bit and dtype."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for left, right in zip(jax.tree.leaves(a), jax.tree.leaves(b)):
        left, right = np.asarray(left), np.asarray(right)
        assert (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())


def rows_of_pairs(fitness, num: int = NUM):
    """Rows whose payloads are pairs of an agent and a genome."""
    elites = rows(fitness, num=num)
    rng = np.random.default_rng(3)
    agent, pit, wall = rng.normal(size=(num, 2)), rng.integers(0, 9, num), rng.random((num, 2, 2)) > 0.5
    genome = {"pit": pit.astype(np.int32), "wall": wall, "id": rng.random((num, 1)).astype(np.float32)}
    payload = {"agent": agent.astype(np.float32), "genome": genome}
    for leaf in jax.tree.leaves(payload):
        leaf[~elites.valid] = 0
    return elites._replace(payload=payload)


def test_columns_have_documented_shapes_and_dtypes():
    columns = table.columns(GRID, jax.tree.map(jnp.asarray, rows(SOME)))
    found = {name: (str(column.dtype), column.shape) for name, column in columns.items()}
    assert found == {
        "cell": ("int32", (3,)),
        "fitness": ("float32", (3,)),
        "descriptor": ("float32", (3, 2)),
        "id": ("uint32", (3, 2)),
        "parents": ("uint32", (3, 2, 2)),
        "emitter": ("int32", (3,)),
        "params": ("float32", (3, 3)),
    }
    assert columns["cell"].tolist() == [3, 7, 19]
    assert columns["fitness"].tolist() == [1.0, -2.0, 4.5]
    assert columns["params"].tolist() == rows(SOME).payload[[3, 7, 19]].tolist()


def test_columns_of_a_tree_are_named_by_path_without_replacing_fixed_columns():
    columns = table.columns(GRID, rows_of_pairs(SOME))
    assert list(columns)[6:] == ["agent", "genome.id", "genome.pit", "genome.wall"]
    assert columns["genome.wall"].shape == (3, 2, 2)
    assert table.payload_names({"id": 0, "cell": 0, "x": 0}) == ["payload.cell", "payload.id", "x"]
    with pytest.raises(ConfigError, match="distinct names"):
        table.payload_names({"a": {"b": 0}, "a.b": 0})


def test_columns_are_copies():
    elites = rows(SOME)
    table.columns(GRID, elites)["fitness"][0] = 99.0
    assert elites.fitness[3] == 1.0


@pytest.mark.parametrize("fitness", [SOME, {}, dict.fromkeys(range(NUM), 2.0)], ids=["some", "none", "all"])
def test_rows_are_the_inverse_of_columns(fitness):
    assert_identical(table.rows_from_columns(GRID, table.columns(GRID, rows(fitness)), FLAT), rows(fitness))
    assert_identical(
        table.rows_from_columns(GRID, table.columns(GRID, rows_of_pairs(fitness)), PAIR), rows_of_pairs(fitness)
    )


def test_rows_of_fronts():
    elites = rows({0: 1.0, 1: 3.0, 6: 2.0})
    columns = table.columns(FRONTS, elites)
    assert columns["cell"].tolist() == [0, 0, 3]
    assert_identical(table.rows_from_columns(FRONTS, columns, FLAT), elites)
    with pytest.raises(ShapeError, match="that fit into"):  # two elites of a cell with one row
        table.rows_from_columns({**FRONTS, "layout": grid_layout([4, 5])}, columns, FLAT)


def test_columns_that_do_not_fit_raise():
    columns = table.columns(GRID, rows(SOME))
    with pytest.raises(ShapeError, match="that fit into an archive of 9 rows"):
        table.rows_from_columns({**GRID, "shape": [3, 3], "layout": grid_layout([3, 3])}, columns, FLAT)
    with pytest.raises(ShapeError, match="ascending"):
        table.rows_from_columns(GRID, {name: column[::-1] for name, column in columns.items()}, FLAT)
    with pytest.raises(ShapeError, match=r"column 'params' float32\[3, 4\].*got float32\[3, 3\]"):
        table.rows_from_columns(GRID, columns, jnp.zeros(4))
    with pytest.raises(ShapeError, match=r"int32\[3, 3\]"):
        table.entries_from_columns(columns, jnp.zeros(3, jnp.int32))
    with pytest.raises(ShapeError, match=r"'agent' for the payload, got cell, fitness"):
        table.entries_from_columns(columns, PAIR)


def test_a_frame_has_one_row_per_elite():
    frame = files.frame(table.columns(GRID, rows_of_pairs(SOME)))
    assert len(frame) == 3
    assert list(frame)[:9] == [
        "cell", "fitness", "descriptor_0", "descriptor_1", "id_0", "id_1", "parents_0_0", "parents_0_1", "parents_1_0",
    ]  # fmt: skip
    assert frame["genome.wall_1_0"].tolist() == rows_of_pairs(SOME).payload["genome"]["wall"][[3, 7, 19], 1, 0].tolist()
    assert frame["fitness"].dtype == np.float32


any_float = st.floats(width=32, allow_nan=True, allow_infinity=True)


@settings(max_examples=30, deadline=None)
@given(st.lists(any_float, min_size=0, max_size=5), st.integers(0, 2**32 - 1))
def test_json_and_parquet_keep_every_bit(tmp_path_factory, values, number):
    elites = rows_of_pairs(dict.fromkeys(range(len(values)), 1.0))
    elites.payload["agent"][: len(values), 0] = [value if value == value else np.nan for value in values]
    elites.id[: len(values), 1] = number
    columns = table.columns(GRID, elites)
    path = tmp_path_factory.mktemp("bits") / "a.parquet"
    files.write_parquet(path, META, columns)
    text = json.dumps(files.to_json(META, columns), allow_nan=False)
    for meta, read in (files.read_parquet(path), files.from_json(json.loads(text))):
        assert meta == META
        assert list(read) == list(columns)
        assert_identical(read, columns)
    assert [p.name for p in path.parent.iterdir()] == ["a.parquet"]


def test_files_of_other_programs_raise(tmp_path):
    import pandas

    pandas.DataFrame({"x": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(ConfigError, match="not written by write_parquet"):
        files.read_parquet(tmp_path / "other.parquet")
    with pytest.raises(ConfigError, match="written by to_json"):
        files.from_json({"columns": {}})
    with pytest.raises(ConfigError, match="written by to_json"):
        files.from_json({"columns": {"x": {"values": [1]}}, "meta": {}})


@pytest.mark.parametrize("library", ["pandas", "pyarrow"])
def test_the_error_for_a_missing_library_says_what_to_install(monkeypatch, tmp_path, library):
    monkeypatch.setitem(sys.modules, library, None)
    columns = table.columns(GRID, rows(SOME))
    with pytest.raises(ConfigError, match=rf"extra 'tables' .*{library}.* install .*{library}"):
        files.frame(columns) if library == "pandas" else files.write_parquet(tmp_path / "x", META, columns)


def test_files_and_stats_do_not_import_jax():
    code = "import sys, poet.archives.files, poet.archives.stats; assert 'jax' not in sys.modules, 'jax'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_pyribs_frame_has_its_columns_and_converts_back():
    frame = to_pyribs(table.columns(GRID, rows(SOME)))
    assert list(frame) == ["solution_0", "solution_1", "solution_2", "objective", "measures_0", "measures_1", "index"]
    assert frame["index"].tolist() == [3, 7, 19]
    elites = table.entries_from_columns(table.columns(GRID, rows(SOME)), FLAT)
    found = from_pyribs(frame, FLAT)
    assert_identical(
        (found.payload, found.fitness, found.descriptor), (elites.payload, elites.fitness, elites.descriptor)
    )
    assert np.array(found.id).tolist() == [[0, 0], [0, 1], [0, 2]]


def test_a_pyribs_frame_without_elites():
    no_elites = {name: column[:0] for name, column in table.columns(GRID, rows({0: 1.0})).items()}
    assert len(to_pyribs(no_elites)) == 0
    assert list(to_pyribs(no_elites)) == list(to_pyribs(table.columns(GRID, rows({0: 1.0}))))


def test_pyribs_solutions_of_trees_and_of_more_than_ten_numbers():
    elites = table.entries_from_columns(table.columns(GRID, rows_of_pairs(SOME)), PAIR)
    frame = to_pyribs(table.columns(GRID, rows_of_pairs(SOME)))
    assert_identical(from_pyribs(frame, PAIR).payload, elites.payload)
    twelve = rows(SOME, np.arange(NUM * 12, dtype=np.float32).reshape(NUM, 12))
    shuffled = to_pyribs(table.columns(GRID, twelve)).sort_index(axis=1)  # solution_10 now before solution_2
    assert_identical(from_pyribs(shuffled, jnp.zeros(12)).payload, twelve.payload[[3, 7, 19]])


def test_a_pyribs_frame_of_float64_scalars_with_a_threshold():
    import pandas

    frame = pandas.DataFrame(
        {"solution": [0.1], "objective": [1.0], "measures_0": [0.3], "threshold": [0.5], "index": [2]}
    )
    found = from_pyribs(frame, jnp.zeros(()))
    assert found.payload.shape == (1,)
    assert found.fitness.dtype == found.descriptor.dtype == found.payload.dtype == np.float32


def test_pyribs_frames_that_do_not_fit_raise():
    frame = to_pyribs(table.columns(GRID, rows(SOME)))
    with pytest.raises(ShapeError, match="solutions of 4 numbers"):
        from_pyribs(frame, jnp.zeros(4))
    with pytest.raises(ShapeError, match="'measures' or 'measures_0'"):
        from_pyribs(frame.drop(columns=["measures_0", "measures_1"]), FLAT)
