"""Invalid input. Wrong shapes and dtypes raise an error that names the field before anything is traced. Entries that
are not finite or out of bounds are counted and not stored, and the other entries of the batch are stored.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.archives import ArchiveConfig, CVTConfig, GridConfig, ParetoConfig, UnstructuredConfig, entries, make
from poet.archives.base import Archive, Entries
from poet.archives.layout import num_objectives
from poet.errors import ConfigError, ShapeError
from tests.archives.cases import BOUNDS, CONFIGS, EXAMPLE, NAMES, archive, assert_equal, batch, take

LOW, HIGH = np.array(BOUNDS, np.float32).T


@pytest.fixture(params=NAMES)
def made(request: pytest.FixtureRequest) -> Archive:
    return archive(request.param)


def few(made: Archive, rows, entries: Entries | None = None) -> Entries:
    """Some entries, padded to the batch size that is already compiled; a copy."""
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
    "solution with a leading axis of 1": ({"x": floats(1, 3)}, r"payload\['x'\].*got float32\[1, 3\]"),
    "solution of integers": ({"x": np.zeros((32, 3), np.int32)}, r"payload\['x'\].*got int32"),
    "solution with one more leaf": ({"y": floats(32)}, r"structure of the example that `init` received.*'y'"),
    "solution as a bare array": ({"payload": floats(32, 3)}, "structure of the example that `init` received"),
    "signed ids": ({"id": INTEGERS}, r"id uint32\[32, 2\], got int32"),
    "ids of one word": ({"id": GOOD.id[:, 0]}, r"id uint32\[32, 2\], got uint32\[32\]"),
    "one parent": ({"parents": GOOD.parents[:, 0]}, r"parents uint32\[32, 2, 2\], got uint32\[32, 2\]"),
    "emitter of floats": ({"emitter": floats(32)}, r"emitter int32\[32\], got float32"),
    "valid of numbers": ({"valid": INTEGERS[:, 0]}, r"valid bool\[32\], got int32"),
}


@pytest.mark.few(20)
@pytest.mark.parametrize("bad", sorted(WRONG_SHAPES))
def test_wrong_shapes_and_dtypes_raise_and_a_donated_state_is_unchanged(made: Archive, bad: str) -> None:
    change, message = WRONG_SHAPES[bad]
    if "fitness" in change and num_objectives(made.spec) > 1:
        pytest.skip("fitness of several objectives has another shape: see test_pareto.py")
    fields = {name: value for name, value in change.items() if name in Entries._fields}
    leaves = {name: value for name, value in change.items() if name not in Entries._fields}
    entries = with_payload(made, **leaves)._replace(**fields)
    state, _ = made.add(made.init(EXAMPLE), batch(1, made=made))
    before = jax.device_get(state)
    with pytest.raises(ShapeError, match=message):
        jax.jit(made.add, donate_argnums=0)(state, entries)
    assert_equal(state, before)


def test_lists_raise_and_the_error_suggests_asarray(made: Archive) -> None:
    good = batch(0, made=made)
    plain = make(made.spec)
    with pytest.raises(ShapeError, match="fitness as an array, got list: pass jnp.asarray"):
        plain.add(made.init(EXAMPLE), good._replace(fitness=good.fitness.tolist()))
    with pytest.raises(ShapeError, match="descriptor as an array, got list"):
        plain.add(made.init(EXAMPLE), good._replace(descriptor=good.descriptor.tolist()))
    with pytest.raises(ShapeError, match="fitness as an array, got list"):
        entries(floats(2, 3), [1.0, 2.0], floats(2, 2))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ShapeError, match="descriptor as an array, got list"):
        entries(floats(2, 3), floats(2), [[0.0, 1.0]] * 2)  # pyright: ignore[reportArgumentType]


@pytest.mark.few(1)
def test_float64_raises_unless_jit_has_rounded_it(made: Archive) -> None:
    good = batch(0, made=made)
    plain = make(made.spec)
    with pytest.raises(ShapeError, match=r"fitness float32\[32.*\], got float64"):
        plain.add(made.init(EXAMPLE), good._replace(fitness=good.fitness.astype(np.float64)))
    with pytest.raises(ShapeError, match=r"payload\['x'\] float32\[32, 3\], got float64"):
        plain.add(made.init(EXAMPLE), with_payload(made, x=np.zeros((32, 3))))
    huge = good.fitness.astype(np.float64)
    huge.reshape(32, -1)[0] = 1e300  # jit converts arguments to float32, where this is infinite
    with np.errstate(over="ignore"):
        _, info = made.add(made.init(EXAMPLE), good._replace(fitness=huge))
    assert int(info.counts.not_finite) == 1


@pytest.mark.parametrize(
    ("payload", "descriptor", "message"),
    [(1, 6, r"axis of size 6 everywhere.*\['1', '6'\]"), (6, 5, r"\['5', '6'\]"), (7, 6, r"\['6', '7'\]")],
    ids=["batch of 1 with 6 fitnesses", "one descriptor too few", "one fitness too few"],
)
def test_different_batch_sizes_raise(payload: int, descriptor: int, message: str) -> None:
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
def test_an_entry_that_is_not_finite_does_not_affect_one_of_the_same_cell(made: Archive, bad: str, first: int) -> None:
    field, value = BAD_DATA[bad]
    twins = few(made, [5, 5])
    twins.id[1 - first, 1] += 100
    getattr(twins, field)[1 - first] = value
    state, info = made.add(made.init(EXAMPLE), twins)
    alone, _ = made.add(made.init(EXAMPLE), few(made, [5]))
    assert_equal(made.elites(state), made.elites(alone))
    assert (int(info.counts.seen), int(info.counts.not_finite), int(info.counts.added)) == (2, 1, 1)
    assert info.stored[:2].tolist() == [first == 0, first == 1]
    assert float(info.improvement[1 - first]) == -np.inf


def test_a_batch_that_is_nowhere_finite_changes_nothing(made: Archive) -> None:
    good = batch(0, made=made)
    state, _ = made.add(made.init(EXAMPLE), batch(1, made=made))
    before = jax.device_get(made.elites(state))
    state, info = made.add(state, good._replace(fitness=np.full_like(good.fitness, np.nan)))
    assert_equal(made.elites(state), before)
    assert int(info.counts.not_finite) == 32
    state, info = made.add(state, good._replace(valid=np.zeros(32, bool)))
    assert_equal(made.elites(state), before)
    assert not any(map(int, info.counts))


@pytest.mark.parametrize("value", [1e6, 1e12, -1e12, 3e38])
def test_descriptors_out_of_bounds_are_clipped_or_rejected_and_counted(made: Archive, value: float) -> None:
    far = few(made, [5])
    far.descriptor[0, 1] = value
    state, info = made.add(made.init(EXAMPLE), far)
    elites = jax.device_get(made.elites(state))
    if made.spec["out_of_bounds"] == "reject":
        assert (int(info.counts.out_of_bounds), int(info.counts.clipped)) == (1, 0)
        assert not elites.valid.any()
    else:
        assert (int(info.counts.out_of_bounds), int(info.counts.clipped)) == (0, 1)
        assert elites.descriptor[elites.valid].tolist() == [[far.descriptor[0, 0], HIGH[1] if value > 0 else LOW[1]]]


def test_descriptors_on_the_bounds_are_inside(made: Archive) -> None:
    edges = few(made, range(4))
    edges.descriptor[:4] = LOW, HIGH, (LOW[0], HIGH[1]), (HIGH[0], LOW[1])
    _, info = made.add(made.init(EXAMPLE), edges)
    assert (int(info.counts.out_of_bounds), int(info.counts.clipped), int(info.counts.added)) == (0, 0, 4)


def test_samples_of_an_empty_archive_are_invalid_and_adding_them_changes_nothing(made: Archive) -> None:
    state = made.init(EXAMPLE)
    drawn = made.sample(jax.random.key(0), state, 32)
    assert not drawn.valid.any()
    assert not np.isnan(drawn.payload["x"]).any()
    state, info = made.add(state, drawn)
    assert not made.elites(state).valid.any()
    assert not any(map(int, info.counts))


def test_duplicates_of_an_entry_are_stored_once(made: Archive) -> None:
    state, info = made.add(made.init(EXAMPLE), few(made, [3, 3, 3]))
    assert int(made.elites(state).valid.sum()) == 1
    assert int(info.counts.added) == int(info.stored.sum()) == 1
    state, info = made.add(state, few(made, [3]))
    assert (int(info.counts.added), int(info.counts.rejected)) == (0, 1)


def test_a_payload_may_contain_nan(made: Archive) -> None:
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
    "bounds in words": ({"bounds": [["low", "high"], [0, 4]]}, "a pair"),
    "bounds of different lengths": ({"bounds": [[-1, 1], [0]]}, "a pair"),
    "a span that float32 does not hold": ({"bounds": [[-3e38, 3e38], [0, 4]]}, "numbers up to 1e\\+15"),
    "a span whose square float32 does not hold": ({"bounds": [[0, 1e-20], [0, 4]]}, "at least 1e-15 apart"),
    "a span finer than float32 numbers": ({"bounds": [[1e9, 1e9 + 3], [0, 4]]}, "or subtract 1e\\+09 from"),
    "low and high of one float32 number": ({"bounds": [[1, 1 + 1e-9], [0, 4]]}, "use at most 0 cells there"),
    "unknown rule for out of bounds": ({"out_of_bounds": "ignore"}, "'clip' or 'reject', got 'ignore'"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", sorted(WRONG_SPECS))
def test_impossible_bounds_raise(name: str, bad: str) -> None:
    change, message = WRONG_SPECS[bad]
    if (name, bad) == ("buffer", "no bounds"):
        pytest.skip("its entries need no descriptors")
    with pytest.raises(ConfigError, match=message):
        make({**CONFIGS[name].spec(BOUNDS), **change})


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("grid", {"id": "gird"}, "unknown archive 'gird'. Did you mean 'grid'"),
        ("grid", {"id": None}, "id of an archive, as in 'grid'; got id None"),
        ("grid", {"shape": [5]}, "shape"),
        ("grid", {"shape": [0, 3]}, "at least 1"),
        ("grid", {"shape": [1_000_000, 1_000_000]}, "more than"),
        ("grid", {"thresholds": {"threshold_min": 0.0, "learning_rate": 1.5}}, "learning_rate"),
        ("grid", {"thresholds": {"threshold_min": np.nan, "learning_rate": 0.5}}, "threshold_min"),
        ("grid", {"thresholds": {"threshold_min": 0.0}}, "thresholds needs learning_rate; got only threshold_min"),
        ("grid", {"shpe": [5, 3]}, "unknown option of grid 'shpe'. Did you mean 'shape'"),
        ("cvt", {"num_cells": 0}, "num_cells"),
        ("cvt", {"num_cells": 15, "samples": 14}, "samples"),
        ("cvt", {"centroids": [[0, 0]]}, r"centroids \[15, 2\]"),
        ("cvt", {"num_cells": 1, "centroids": [[0, 9]]}, "outside: widen"),
        ("cvt", {"num_cells": 2, "centroids": [[0, 1], [0, 1]]}, "distinct"),
    ],
)
def test_impossible_options_of_a_spec_raise(name: str, change: dict, message: str) -> None:
    with pytest.raises((ConfigError, ShapeError), match=message):
        make({**CONFIGS[name].spec(BOUNDS), **change})


@pytest.mark.parametrize(
    ("make_archive", "message"),
    [
        (lambda: GridConfig(shape=(100, 2)).make([(5e6, 5e6 + 20), (0, 1)]), "use at most 40 cells there, or subtract"),
        (lambda: GridConfig(shape=(2, 2**25)).make([(0, 1), (0, 1)]), "use at most 8388608 cells there$"),
        (lambda: ParetoConfig(shape=(2, 100)).make([(0, 1), (-5e6 - 20, -5e6)]), "use at most 40 cells there"),
        (lambda: CVTConfig(num_cells=10_000).make([(1e6, 1e6 + 1), (1e6, 1e6 + 1)]), "use at most 16 cells there"),
    ],
)
def test_cells_that_no_descriptor_reaches_are_refused(make_archive: Callable[[], Archive], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_archive()


@pytest.mark.slow
def test_the_finest_cells_that_are_accepted_can_all_be_reached() -> None:
    low, high, cells = 5e6, 5e6 + 20, 40
    finest = GridConfig(shape=(cells,)).make([(low, high)])
    points = np.float32(low) + np.arange(cells + 1, dtype=np.float32) / 2
    _, info = finest.add(finest.init(jnp.zeros(1)), entries(floats(41, 1), jnp.zeros(41), points[:, None]))
    assert set(info.cell.tolist()) == set(range(cells))


OTHER_STATES = {
    "smaller grid": lambda: GridConfig(shape=(3, 3)),
    "larger grid": lambda: GridConfig(shape=(6, 3)),
    "grid with thresholds": lambda: GridConfig(shape=(5, 3), learning_rate=0.5, threshold_min=0.0),
    "centroids": lambda: CVTConfig(num_cells=16),
    "points": lambda: UnstructuredConfig(capacity=15, min_distance=0.1),
    "more points": lambda: UnstructuredConfig(capacity=16, min_distance=0.1),
    "fronts": lambda: ParetoConfig(shape=(5, 3), front_size=3),
}


@pytest.mark.parametrize("other", OTHER_STATES)
@pytest.mark.parametrize("config", [CONFIGS[name] for name in ("grid", "cvt", "unstructured", "pareto")])
def test_the_state_of_another_archive_is_refused(config: ArchiveConfig, other: str) -> None:
    made, theirs = make(config.spec(BOUNDS)), make(OTHER_STATES[other]().spec(BOUNDS))
    state = theirs.init(EXAMPLE)
    for use in (
        lambda: made.add(state, batch(0, made=made)),
        lambda: made.sample(jax.random.key(0), state, 3),
        lambda: made.elites(state),
        lambda: jax.jit(made.elites)(state),
    ):
        with pytest.raises(ShapeError, match="expected a state of this archive, .*use the archive that made it"):
            use()


@pytest.mark.parametrize("state", [None, (), {"store": 3}, np.zeros(3)])
def test_what_is_no_state_is_refused(state: object) -> None:
    with pytest.raises(ShapeError, match="expected a state of this archive"):
        make(CONFIGS["grid"].spec(BOUNDS)).elites(state)


@pytest.mark.ci
def test_masked_numbers_have_failed() -> None:
    grid = GridConfig(shape=(5, 3)).make(BOUNDS)
    fitness = np.ma.array(floats(4), mask=[True, False, False, False])
    descriptor = np.ma.array(floats(4, 2), mask=[[False, False], [True, False], [False, True], [False, False]])
    _, info = grid.add(grid.init(jnp.zeros(3)), entries(floats(4, 3), fitness, descriptor))
    assert int(info.counts.not_finite) == 3
    masked = batch(0)._replace(fitness=np.ma.array(floats(32)))
    with pytest.raises(ShapeError, match="expected fitness without a mask"):
        grid.add(grid.init(EXAMPLE), masked)


def test_a_spec_without_bounds_raises() -> None:
    with pytest.raises(ConfigError, match="grid needs bounds; got only shape"):
        make({"id": "grid", "shape": [5, 3]})


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        (GridConfig, {"shape": ()}, "archive.shape"),
        (GridConfig, {"shape": (0, 3)}, "archive.shape"),
        (ParetoConfig, {"shape": ()}, "archive.shape"),
        (CVTConfig, {"num_cells": 0}, "archive.num_cells"),
        (CVTConfig, {"num_cells": 9, "samples": 8}, "archive.samples expects at least as many as archive.num_cells 9"),
        (UnstructuredConfig, {"capacity": 0}, "archive.capacity"),
        (ParetoConfig, {"front_size": 0}, "archive.front_size"),
        (ParetoConfig, {"num_objectives": 0}, "archive.num_objectives"),
    ],
)
def test_impossible_options_of_a_config_raise(config: type, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**options)


@pytest.mark.parametrize("config", [GridConfig, ParetoConfig])
def test_a_shape_of_another_dimension_raises(config: type) -> None:
    with pytest.raises(ConfigError, match="archive.shape .* is for 3 coordinates, but descriptors have 2"):
        config(shape=(2, 2, 2)).spec(BOUNDS)
