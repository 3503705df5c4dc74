"""Input that crashes or silently corrupts archives elsewhere: shapes and dtypes raise with names before anything is
traced; data that is no number or lies out of bounds is counted and kept out, and the rest of its batch goes in.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives import ArchiveConfig, entries, make
from poet.archives.base import Archive, Entries
from poet.archives.layout import num_objectives
from poet.errors import ConfigError, ShapeError
from tests.archives.cases import BOUNDS, EXAMPLE, NAMES, SPECS, archive, batch, take

LOW, HIGH = np.array(BOUNDS, np.float32).T


@pytest.fixture(params=NAMES)
def made(request: pytest.FixtureRequest) -> Archive:
    return archive(request.param)


def same(a, b) -> None:
    jax.tree.map(lambda x, y: np.testing.assert_array_equal(np.asarray(x), np.asarray(y)), a, b)


def few(made: Archive, rows, entries: Entries | None = None) -> Entries:
    """Some entries first, then padding up to the batch that is compiled already; arrays of its own."""
    padded = take(entries or batch(0, made=made), [*rows, *[0] * (32 - len(rows))])
    padded.valid[len(rows) :] = False
    return padded


def with_payload(made: Archive, **leaves) -> Entries:
    return batch(0, made=made)._replace(payload={**GOOD.payload, **leaves})


GOOD = batch(0)
INTEGERS = np.zeros((32, 2), np.int32)


def floats(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


WRONG_SHAPES = {
    "descriptor (B, 1)": ({"descriptor": floats(32, 1)}, r"descriptor float32\[32, 2\], got float32\[32, 1\]"),
    "descriptor (B, 3)": ({"descriptor": floats(32, 3)}, r"got float32\[32, 3\]"),
    "descriptor (B,)": ({"descriptor": floats(32)}, r"got float32\[32\]"),
    "descriptor (2, B)": ({"descriptor": floats(2, 32)}, r"got float32\[2, 32\]"),
    "descriptor one too few": ({"descriptor": floats(31, 2)}, r"got float32\[31, 2\]"),
    "descriptor of integers": ({"descriptor": INTEGERS}, r"descriptor float32\[32, 2\], got int32.*cast to float32"),
    "fitness (B, 1)": ({"fitness": floats(32, 1)}, r"fitness f32\[B\], got shape \(32, 1\)"),
    "fitness ()": ({"fitness": floats()}, r"fitness f32\[B\], got shape \(\)"),
    "fitness one too few": ({"fitness": floats(31)}, r"descriptor float32\[31, 2\], got float32\[32, 2\]"),
    "fitness of integers": ({"fitness": INTEGERS[:, 0]}, r"fitness float32\[32\], got int32.*cast to float32"),
    "solution of dimension 1": ({"x": floats(32, 1)}, r"payload\['x'\] float32\[32, 3\], got float32\[32, 1\]"),
    "solution of dimension 4": ({"x": floats(32, 4)}, r"payload\['x'\].*got float32\[32, 4\]"),
    "solution without an axis": ({"x": floats(32)}, r"payload\['x'\].*got float32\[32\]"),
    "solution of one for all": ({"x": floats(1, 3)}, r"payload\['x'\].*got float32\[1, 3\]"),
    "solution of integers": ({"x": np.zeros((32, 3), np.int32)}, r"payload\['x'\].*got int32"),
    "solution with one more leaf": ({"y": floats(32)}, "structure.*as this archive was made for.*'y'"),
    "solution as a bare array": ({"payload": floats(32, 3)}, "structure.*as this archive was made for"),
    "ids with a sign": ({"id": INTEGERS}, r"id uint32\[32, 2\], got int32"),
    "ids of one number": ({"id": GOOD.id[:, 0]}, r"id uint32\[32, 2\], got uint32\[32\]"),
    "one parent": ({"parents": GOOD.parents[:, 0]}, r"parents uint32\[32, 2, 2\], got uint32\[32, 2\]"),
    "emitter of floats": ({"emitter": floats(32)}, r"emitter int32\[32\], got float32"),
    "valid of numbers": ({"valid": INTEGERS[:, 0]}, r"valid bool\[32\], got int32"),
}


@pytest.mark.parametrize("bad", sorted(WRONG_SHAPES))
def test_shapes_and_dtypes_raise_before_tracing_and_leave_the_state(made: Archive, bad: str) -> None:
    change, message = WRONG_SHAPES[bad]
    if "fitness" in change and num_objectives(made.spec) > 1:
        pytest.skip("several objectives have a shape of their own: test_pareto.py")
    fields = {name: value for name, value in change.items() if name in Entries._fields}
    leaves = {name: value for name, value in change.items() if name not in Entries._fields}
    entries = with_payload(made, **leaves)._replace(**fields)
    state, _ = made.add(made.init(EXAMPLE), batch(1, made=made))
    before = jax.device_get(state)
    with pytest.raises(ShapeError, match=message):
        jax.jit(made.add, donate_argnums=0)(state, entries)
    same(state, before)


def test_lists_raise_with_advice(made: Archive) -> None:
    good = batch(0, made=made)
    plain = make(made.spec)
    with pytest.raises(ShapeError, match="fitness as an array, got list: give jnp.asarray"):
        plain.add(made.init(EXAMPLE), good._replace(fitness=good.fitness.tolist()))
    with pytest.raises(ShapeError, match="descriptor as an array, got list"):
        plain.add(made.init(EXAMPLE), good._replace(descriptor=good.descriptor.tolist()))
    with pytest.raises(ShapeError, match="fitness as an array, got list"):
        entries(floats(2, 3), [1.0, 2.0], floats(2, 2))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ShapeError, match="descriptor as an array, got list"):
        entries(floats(2, 3), floats(2), [[0.0, 1.0]] * 2)  # pyright: ignore[reportArgumentType]


def test_float64_raises_unless_compiled_code_rounds_it_first(made: Archive) -> None:
    good = batch(0, made=made)
    plain = make(made.spec)
    with pytest.raises(ShapeError, match=r"fitness float32\[32.*\], got float64"):
        plain.add(made.init(EXAMPLE), good._replace(fitness=good.fitness.astype(np.float64)))
    with pytest.raises(ShapeError, match=r"payload\['x'\] float32\[32, 3\], got float64"):
        plain.add(made.init(EXAMPLE), with_payload(made, x=np.zeros((32, 3))))
    huge = good.fitness.astype(np.float64)
    huge.reshape(32, -1)[0] = 1e300  # no float32: infinite once compiled code gets it
    with np.errstate(over="ignore"):
        _, info = made.add(made.init(EXAMPLE), good._replace(fitness=huge))
    assert int(info.counts.not_finite) == 1


@pytest.mark.parametrize(
    ("payload", "descriptor", "message"),
    [(1, 6, r"expected 6 of everything.*\['1', '6'\]"), (6, 5, r"\['5', '6'\]"), (7, 6, r"\['6', '7'\]")],
    ids=["batch of 1 with 6 fitnesses", "one descriptor too few", "one fitness too few"],
)
def test_entries_of_different_numbers(payload: int, descriptor: int, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        entries(jnp.zeros((payload, 3)), jnp.zeros(6), jnp.zeros((descriptor, 2)))


BAD_DATA = {
    "NaN fitness": ("fitness", np.nan),
    "fitness +inf": ("fitness", np.inf),
    "fitness -inf": ("fitness", -np.inf),
    "NaN descriptor": ("descriptor", np.nan),
    "descriptor +inf": ("descriptor", np.inf),
    "descriptor -inf": ("descriptor", -np.inf),
}


@pytest.mark.parametrize("bad", sorted(BAD_DATA))
@pytest.mark.parametrize("first", [0, 1])
def test_no_number_is_counted_and_its_neighbour_in_the_same_cell_stays(made: Archive, bad: str, first: int) -> None:
    field, value = BAD_DATA[bad]
    twins = few(made, [5, 5])
    twins.id[1 - first, 1] += 100
    getattr(twins, field)[1 - first] = value
    state, info = made.add(made.init(EXAMPLE), twins)
    alone, _ = made.add(made.init(EXAMPLE), few(made, [5]))
    same(made.elites(state), made.elites(alone))
    assert (int(info.counts.seen), int(info.counts.not_finite), int(info.counts.added)) == (2, 1, 1)
    assert info.stored[:2].tolist() == [first == 0, first == 1]
    assert float(info.improvement[1 - first]) == -np.inf


def test_a_batch_without_a_single_number_changes_nothing(made: Archive) -> None:
    good = batch(0, made=made)
    state, _ = made.add(made.init(EXAMPLE), batch(1, made=made))
    before = jax.device_get(made.elites(state))
    state, info = made.add(state, good._replace(fitness=np.full_like(good.fitness, np.nan)))
    same(made.elites(state), before)
    assert int(info.counts.not_finite) == 32
    state, info = made.add(state, good._replace(valid=np.zeros(32, bool)))
    same(made.elites(state), before)
    assert not any(map(int, info.counts))


@pytest.mark.parametrize("value", [1e6, 1e12, -1e12, 3e38])
def test_far_descriptors_are_moved_to_the_bound_or_rejected_and_counted(made: Archive, value: float) -> None:
    far = few(made, [5])
    far.descriptor[0, 1] = value
    state, info = made.add(made.init(EXAMPLE), far)
    elites = jax.device_get(made.elites(state))
    if made.spec["out_of_bounds"] == "reject":
        assert (int(info.counts.outside), int(info.counts.clipped)) == (1, 0)
        assert not elites.valid.any()
    else:
        assert (int(info.counts.outside), int(info.counts.clipped)) == (0, 1)
        assert elites.descriptor[elites.valid].tolist() == [[far.descriptor[0, 0], HIGH[1] if value > 0 else LOW[1]]]


def test_descriptors_on_the_bounds_are_inside(made: Archive) -> None:
    edges = few(made, range(4))
    edges.descriptor[:4] = LOW, HIGH, (LOW[0], HIGH[1]), (HIGH[0], LOW[1])
    _, info = made.add(made.init(EXAMPLE), edges)
    assert (int(info.counts.outside), int(info.counts.clipped), int(info.counts.added)) == (0, 0, 4)


def test_sampling_from_an_empty_archive_says_so_and_nothing_of_it_can_be_put_back(made: Archive) -> None:
    state = made.init(EXAMPLE)
    drawn = made.sample(jax.random.key(0), state, 32)
    assert not drawn.valid.any()
    assert not np.isnan(drawn.payload["x"]).any()
    state, info = made.add(state, drawn)
    assert not made.elites(state).valid.any()
    assert not any(map(int, info.counts))


def test_twice_the_same_entry_is_stored_once(made: Archive) -> None:
    state, info = made.add(made.init(EXAMPLE), few(made, [3, 3, 3]))
    assert int(made.elites(state).valid.sum()) == 1
    assert int(info.counts.added) == int(info.stored.sum()) == 1
    state, info = made.add(state, few(made, [3]))
    assert (int(info.counts.added), int(info.counts.beaten)) == (0, 1)


def test_a_solution_that_is_nan_is_the_evaluators_business(made: Archive) -> None:
    one = few(made, [3], with_payload(made, x=np.full((32, 3), np.nan, np.float32)))
    state, _ = made.add(made.init(EXAMPLE), one)
    elites = jax.device_get(made.elites(state))
    assert np.isnan(elites.payload["x"][elites.valid]).all()


WRONG_SPECS = {
    "low above high": ({"bounds": [[1, -1], [0, 4]]}, "each low below its high"),
    "low equal to high": ({"bounds": [[0, 0], [0, 4]]}, "each low below its high"),
    "NaN bound": ({"bounds": [[-1, np.nan], [0, 4]]}, "finite"),
    "infinite bound": ({"bounds": [[-1, np.inf], [0, 4]]}, "finite"),
    "no bounds": ({"bounds": []}, "bounds"),
    "bounds of one number": ({"bounds": [-1, 1]}, "bounds"),
    "another word for what is outside": ({"out_of_bounds": "ignore"}, "'clip' or 'reject', got 'ignore'"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", sorted(WRONG_SPECS))
def test_archives_that_cannot_be(name: str, bad: str) -> None:
    change, message = WRONG_SPECS[bad]
    with pytest.raises(ConfigError, match=message):
        make({**SPECS[name], **change})


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("grid", {"kind": "gird"}, "Did you mean 'grid'"),
        ("grid", {"kind": None}, "kind of archive"),
        ("grid", {"shape": [5]}, "shape"),
        ("grid", {"shape": [0, 3]}, "at least 1"),
        ("grid", {"shape": [1_000_000, 1_000_000]}, "more than"),
        ("grid", {"soft": {"threshold_min": 0.0, "learning_rate": 1.5}}, "learning_rate"),
        ("grid", {"soft": {"threshold_min": np.nan, "learning_rate": 0.5}}, "threshold_min"),
        ("grid", {"soft": {"threshold_min": 0.0}}, "soft needs learning_rate too"),
        ("grid", {"shpe": [5, 3]}, "unknown option of grid 'shpe'. Did you mean 'shape'"),
        ("cvt", {"num_cells": 0}, "num_cells"),
        ("cvt", {"num_cells": 15, "samples": 14}, "samples"),
        ("cvt", {"centroids": [[0, 0]]}, r"centroids \[15, 2\]"),
        ("cvt", {"num_cells": 1, "centroids": [[0, 9]]}, "beyond"),
        ("cvt", {"num_cells": 2, "centroids": [[0, 1], [0, 1]]}, "distinct"),
    ],
)
def test_options_that_cannot_be(name: str, change: dict, message: str) -> None:
    with pytest.raises((ConfigError, ShapeError), match=message):
        make({**SPECS[name], **change})


def test_a_spec_without_bounds() -> None:
    with pytest.raises(ConfigError, match="grid needs bounds too, got shape"):
        make({"kind": "grid", "shape": [5, 3]})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "gird"}, "Did you mean 'grid'"),
        ({"shape": ()}, "archive.shape"),
        ({"shape": (0, 3)}, "archive.shape"),
        ({"kind": "cvt", "num_cells": 0}, "archive.num_cells"),
        ({"kind": "unstructured", "capacity": 0}, "archive.capacity"),
        ({"kind": "pareto", "front": 0}, "archive.front"),
    ],
)
def test_configs_that_cannot_be(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ArchiveConfig(**options)


def test_a_config_for_other_descriptors() -> None:
    with pytest.raises(ConfigError, match="3 coordinates, but descriptors have 2"):
        ArchiveConfig(shape=(2, 2, 2)).spec(BOUNDS)
