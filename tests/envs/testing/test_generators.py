import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.config import generators
from poet.envs.testing import check_generator
from poet.errors import ConfigError, ContractError
from tests.envs.testing.broken import (
    COUNTER,
    GENERATOR,
    WORLD,
    Changed,
    Complete,
    Mutable,
    Quick,
    ResetsItself,
    altered,
    unbatched,
    uniform,
)
from tests.envs.toy import Corridor, CorridorEnvironment, CorridorGenerator, Point


@pytest.mark.ci
def test_toy_passes() -> None:
    check_generator(CorridorGenerator(environment=WORLD))
    check_generator(GENERATOR)


@pytest.mark.slow
def test_walker_passes() -> None:
    check_generator(generators.make("walker", horizon=60))


@pytest.mark.slow
def test_walker_passes_with_every_option() -> None:
    check_generator(generators.make("walker", stairs=True, max_stair_steps=9, terrain="fresh", mutation="one"))


@pytest.mark.slow
def test_maze_passes() -> None:
    check_generator(generators.make("maze", horizon=60))


@pytest.mark.slow
def test_gaits_pass() -> None:
    check_generator(generators.make("walker-gaits", horizon=60))


def test_it_says_what_it_checks(capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    check_generator(GENERATOR, report=lines.append)
    assert [line.split("  ")[-1].partition(":")[0] for line in lines] == [
        *3 * ["generator"],
        *3 * ["environment"],
        "generator",
        "generator",
        "no error found",
    ]
    assert lines[0].startswith("Quick    0.0 s  generator: declarations")
    check_generator(GENERATOR)
    output = capsys.readouterr()
    assert len(output.err.splitlines()) == len(lines)
    assert output.out == ""


def generator(**parts) -> Quick:
    """The toy generator with these attributes or methods."""
    return altered(Quick, parts, environment=WORLD)


def complete(**parts) -> Complete:
    """The toy generator with all optional members, of which some are replaced."""
    return altered(Complete, parts, environment=WORLD)


@pytest.mark.ci
def test_toy_with_every_option_passes() -> None:
    check_generator(complete())
    check_generator(complete(environment=Changed(reset=random_start), deterministic=False))


class Unscaled:
    """A generator as written before generators declared their returns."""

    def __getattr__(self, name):
        if name in ("return_range", "solved_return"):
            raise AttributeError(name)
        return getattr(GENERATOR, name)


def always(level, world):
    return jnp.float32(1)


class NoDescribe:
    def __getattr__(self, name):
        if name == "describe":
            raise AttributeError(name)
        return getattr(GENERATOR, name)


class Elsewhere(Quick):
    def __getattribute__(self, name):
        return CorridorEnvironment(9 + next(COUNTER)) if name == "environment" else super().__getattribute__(name)


class Unreadable(Quick):
    @property
    def feature_bounds(self):
        return 1 / 0


def rounded(genome):
    return {**GENERATOR.to_json(genome), "length": round(float(genome.length), 2)}


def random_start(key, level):
    return Point(0.1 * jax.random.normal(key, (2,)), jnp.zeros(2), jnp.int32(0)), jnp.zeros(4)


def unchecked(data):
    return Corridor(jnp.float32(data["length"]), jnp.float32(data["wind"]))


def reading(**read):
    """`from_json` that compares id and version only, and then reads these fields."""

    def from_json(data):
        if (data["id"], data["version"]) != ("corridor", 1):
            raise ConfigError("another generator")
        return Corridor(**{name: make(data) for name, make in read.items()})

    return from_json


def strict(what, from_json):
    """`from_json` that in addition refuses fields that are missing, or that it does not know."""
    known = {"id", "version", "length", "wind"}

    def refuse(data):
        if ("another field" in what and set(data) - known) or ("missing" in what and known - set(data)):
            raise ConfigError("other fields")
        return from_json(data)

    return refuse


def untyped(data):
    """`from_json` that checks all but the types of the numbers."""
    if set(data) != {"id", "version", "length", "wind"} or (data["id"], data["version"]) != ("corridor", 1):
        raise ConfigError("another genome")
    if isinstance(data["length"], list) or isinstance(data["wind"], list):
        raise ConfigError("another shape")
    return Corridor(jnp.float32(data["length"]), jnp.float32(data["wind"]))


def asserting(data):
    assert data["id"] == "corridor"
    return GENERATOR.from_json(data)


def misshaped(key, genome, strength):
    return GENERATOR.mutate(key, genome, strength)._replace(wind=jnp.zeros(2))


def branching(key, genome, strength):
    return GENERATOR.mutate(key, genome, strength if strength > 0 else 1.0)


def copies_or_invalid(key, genome, strength):
    return genome._replace(wind=genome.wind - strength * (uniform(key)[0] < 0.5))


def frames(change):
    """`render` whose list of frames is changed."""
    return lambda genome, trajectory: change([np.zeros((8, 8, 3), np.uint8) for _ in trajectory.rewards])


def other_sizes(frames):
    return [frame[:, : 8 - number] for number, frame in enumerate(frames)]


def every_world(genome, trajectory):
    return [np.zeros((8, 8, 3), np.uint8) for _ in range(50)]


LENGTH, WIND = (lambda data: jnp.float32(data["length"])), (lambda data: jnp.float32(data["wind"]))
PICTURE = np.zeros((4, 6, 3), np.uint8)
GENERATORS = {
    "no describe": (NoDescribe(), "has no `describe`"),
    "no version": (generator(version=0), "version must be an int"),
    "reasons as a list": (generator(reasons=["valid"]), "reasons must be a tuple"),
    "bounds missing": (generator(feature_bounds=((2.0, 9.0),)), "feature_bounds must be"),
    "deterministic as a string": (generator(deterministic="yes"), "deterministic must be a bool"),
    "environment that is not hashable": (generator(environment=Mutable()), "must be hashable"),
    "a leaf that is no array": (generator(simplest=lambda: Corridor(2.0, 0.0)), "leaf of type float"),
    "an empty leaf": (generator(simplest=lambda: Corridor(jnp.zeros(0), jnp.zeros(()))), "an empty leaf"),
    "no leaves": (generator(simplest=lambda: ()), "it has no leaves"),
    "sample of another dtype": (
        generator(sample=lambda key: Corridor(jnp.int32(2), jnp.float32(0))),
        r"sample\(key\) must have the structure",
    ),
    "mutate to another shape": (generator(mutate=misshaped), "mutate.* must have the structure"),
    "branch on strength": (generator(mutate=branching), "trace mutate, .* `strength` is traced"),
    "check without reason": (generator(check=lambda genome: genome.wind >= 0), r"must return \(bool\[\], int\[\]\)"),
    "check as a dict": (
        generator(check=lambda genome: {"valid": genome.wind >= 0, "why": jnp.int32(0)}),
        r"must return \(bool\[\], int\[\]\)",
    ),
    "too many features": (generator(features=lambda genome: jnp.zeros(3)), r"must be float32\[2\]"),
    "sample without key": (generator(sample=lambda key: GENERATOR.simplest()), "the same genome for 64 keys"),
    "sample with state": (
        generator(sample=lambda key: Corridor(uniform(key)[0] + next(COUNTER), jnp.float32(0))),
        "expected sample to be the same program each time",
    ),
    "mutate does nothing": (generator(mutate=lambda key, genome, strength: genome), "changed nothing"),
    "simplest is invalid": (generator(simplest=lambda: Corridor(jnp.float32(1), jnp.float32(0))), "not valid by"),
    "reason out of range": (
        generator(check=lambda genome: (genome.wind >= 0, jnp.int32(7))),
        "must index the 3 reasons",
    ),
    "no child is valid": (
        generator(mutate=lambda key, genome, strength: genome._replace(wind=genome.wind - 1)),
        "none of 64 children",
    ),
    "feature out of bounds": (generator(features=lambda genome: 10 * jnp.stack(genome)), "feature 'length' of valid"),
    "describe at random": (
        generator(describe=lambda genome: f"number {next(COUNTER)}"),
        "describe must return the same text",
    ),
    "describe raises": (
        generator(describe=lambda genome: f"{genome.lenght}"),
        "describe to return, but it raised AttributeError",
    ),
    "json of arrays": (generator(to_json=lambda genome: genome._asdict()), "must return plain JSON values"),
    "json of tuples": (
        generator(to_json=lambda genome: {**GENERATOR.to_json(genome), "size": (1, 2)}),
        "a dict that JSON can store unchanged",
    ),
    "json without version": (generator(to_json=lambda genome: {"id": "corridor"}), '"version": 1'),
    "json that rounds": (generator(to_json=rounded), "is not exact"),
    "json of another id is accepted": (generator(from_json=unchecked), "but it accepted"),
    "json of another id asserts": (
        generator(from_json=asserting),
        "must raise ConfigError .* it raised AssertionError",
    ),
    "version of another type": (generator(version=True), "version must be an int of at least 1, got True"),
    "bounds reversed": (generator(feature_bounds=((9.0, 2.0), (0.0, 0.9))), "feature_bounds must be a finite"),
    "bounds not finite": (
        generator(feature_bounds=((2.0, 9.0), (0.0, float("nan")))),
        "feature_bounds must be a finite",
    ),
    "too few names": (generator(feature_names=("length",)), "feature_bounds must be a finite"),
    "bounds that raise": (Unreadable(), "`feature_bounds` to return, but it raised ZeroDivisionError"),
    "environment that changes": (Elsewhere(), "environment must be equal at each access"),
    "simplest at random": (
        generator(simplest=lambda: Corridor(jnp.float32(2 + next(COUNTER) % 2), jnp.float32(0))),
        "must be the same genome at each call",
    ),
    "simplest raises": (generator(simplest=lambda: GENERATOR.start), "simplest to return, but it raised"),
    "no sample is valid": (
        generator(sample=lambda key: Corridor(-uniform(key)[0], jnp.float32(0))),
        "none of 64 samples",
    ),
    "sample cannot be batched": (
        generator(sample=lambda key: Corridor(unbatched(uniform(key)[0]), jnp.float32(0))),
        "under jax.vmap",
    ),
    "mutate without key": (
        generator(mutate=lambda key, genome, strength: genome._replace(length=genome.length + 0.1 * strength)),
        "mutate must depend on its key",
    ),
    "mutants that are copies or invalid": (generator(mutate=copies_or_invalid), "none of 64 children"),
    "mutate gives NaN": (
        generator(mutate=lambda key, genome, strength: genome._replace(wind=uniform(key)[0] * jnp.nan)),
        "none of 64 children",
    ),
    "valid with a reason": (
        generator(check=lambda genome: (genome.wind >= 0, jnp.int32(1))),
        "valid with another index",
    ),
    "invalid without a reason": (
        generator(check=lambda genome: (genome.wind < 0.5, jnp.int32(0))),
        "invalid with index 0",
    ),
    "feature not a number": (
        generator(features=lambda genome: jnp.stack([genome.length, genome.wind / 0])),
        "feature 'wind' of valid",
    ),
    "describe gives a number": (generator(describe=lambda genome: 7), "describe must return the same text"),
    "describe gives nothing": (generator(describe=lambda genome: " "), "non-empty text"),
    "difficulty that is no text": (complete(difficulty_class=lambda genome: None), "difficulty_class must return"),
    "difficulty at random": (
        complete(difficulty_class=lambda genome: str(next(COUNTER))),
        "difficulty_class must return the same text",
    ),
    "difficulty raises": (
        complete(difficulty_class=lambda genome: {0: ""}[1]),
        "difficulty_class to return, but it raised KeyError",
    ),
    "json is a list": (generator(to_json=lambda genome: ["corridor", 1]), "a dict that JSON can store"),
    "json of NaN": (
        generator(to_json=lambda genome: {**GENERATOR.to_json(genome), "wind": float("nan")}),
        "plain JSON values",
    ),
    "json without id": (generator(to_json=lambda genome: {"version": 1}), 'contain "id"'),
    "unreadable json": (generator(from_json=lambda data: Corridor(**data)), "from_json to return, but it raised"),
    "json read into another dtype": (
        generator(from_json=lambda data: Corridor(*(jnp.int32(GENERATOR.from_json(data)[i]) for i in range(2)))),
        "from_json.* must have the structure",
    ),
    "an unknown field is accepted": (generator(from_json=reading(length=LENGTH, wind=WIND)), "for another field"),
    "a missing field raises KeyError": (
        generator(from_json=strict({"another field"}, reading(length=LENGTH, wind=WIND))),
        "for a genome without 'length', but it raised KeyError",
    ),
    "a missing field is accepted": (
        generator(
            from_json=strict(
                {"another field"}, reading(length=lambda data: jnp.float32(data.get("length", 2)), wind=WIND)
            )
        ),
        "for a genome without 'length', but it accepted",
    ),
    "another shape is accepted": (
        generator(from_json=strict({"another field", "missing"}, reading(length=LENGTH, wind=WIND))),
        "for another shape of 'length', but it accepted",
    ),
    "another type raises": (
        generator(from_json=untyped),
        "for another type of 'length', but it raised TypeError",
    ),
    "schema that is no dict": (complete(json_schema=lambda: "number"), "json_schema must return a dict"),
    "repair that does not repair": (complete(repair=lambda genome: genome), "repair.* must be valid"),
    "level drawn as a list": (complete(draw_level=lambda genome: []), "draw_level.* must be a NumPy array"),
    "level drawn without pixels": (complete(draw_level=lambda genome: PICTURE[:0]), "of at least 1, got uint8.0, 6, 3"),
    "level drawn in grey": (complete(draw_level=lambda genome: PICTURE[..., 0]), r"got uint8\[4, 6\]"),
    "level drawn with channels first": (complete(draw_level=lambda genome: PICTURE.T), r"got uint8\[3, 6, 4\]"),
    "level drawn in floats": (complete(draw_level=lambda genome: PICTURE / 255), r"got float64\[4, 6, 3\]"),
    "level drawn at random": (
        complete(draw_level=lambda genome: np.full((4, 6, 3), next(COUNTER) % 256, np.uint8)),
        "the same picture at each call",
    ),
    "level that cannot be drawn": (
        complete(draw_level=lambda genome: PICTURE[int(2 + genome.length)]),
        "draw_level to return, but it raised IndexError",
    ),
    "draw_level that is no method": (complete(draw_level=None), "`draw_level` must be a method, got None"),
    "no frames": (complete(render=frames(lambda frames: [])), "one picture per time step, 3 here, got 0"),
    "a frame is missing": (complete(render=frames(lambda frames: frames[1:])), "3 here, got 2"),
    "frames of a whole episode": (complete(render=every_world), "3 here, got 50"),
    "frames in one array": (complete(render=frames(np.stack)), "must return a list .* got array"),
    "frames in floats": (complete(render=frames(lambda frames: [f / 1 for f in frames])), "got float64"),
    "frames of several sizes": (complete(render=frames(other_sizes)), "must have one size"),
    "frames of another layout": (
        complete(render=frames(lambda frames: [f.T for f in frames])),
        "each picture of render",
    ),
    "render raises": (
        complete(render=lambda genome, trajectory: trajectory.states),
        "render to return, but it raised AttributeError",
    ),
    "crossover of another shape": (
        generator(crossover=lambda key, a, b: (a, b)),
        "crossover.* must have the structure",
    ),
    "repair of another dtype": (
        generator(repair=lambda genome: genome._replace(wind=jnp.int32(0))),
        "repair.* must have the structure",
    ),
    "no range of returns": (Unscaled(), "has no `return_range`"),
    "range of returns reversed": (generator(return_range=(100.0, 0.0)), "expects a finite return_range"),
    "solved below the range": (generator(solved_return=-1.0), "expects a finite return_range"),
    "high end below what random actions get": (
        generator(return_range=(-10.0, 20.0), solved_return=4.0),
        r"no agent gets more than a perfect one, .* \(-10, 20\), but",
    ),
    "low end far above what random actions get": (
        generator(return_range=(80.0, 100.0)),
        r"about the low end of the range, .* \(80, 100\), but the median return of 128 .* a fraction of -",
    ),
    "low end far below what random actions get": (
        generator(return_range=(-1000.0, 100.0)),
        "about the low end of the range, .* a fraction of 0.8",
    ),
    "random actions solve the simplest level": (
        generator(return_range=(-60.0, 100.0), solved_return=-59.0, environment=Changed(success=always)),
        r"must not solve the simplest level, and solved_return is declared as -59, but \d+ episodes",
    ),
    "environment is broken": (generator(environment=ResetsItself(12)), "never reset inside `step`"),
    "not deterministic": (
        generator(environment=Changed(reset=random_start)),
        "deterministic is declared, but another key",
    ),
}


@pytest.mark.few(16)
@pytest.mark.parametrize("name", GENERATORS)
def test_broken_generator(name: str) -> None:
    broken, message = GENERATORS[name]
    with pytest.raises(ContractError, match=message):
        check_generator(broken)


def test_toy_reads_what_it_writes() -> None:
    genome = Corridor(jnp.float32(np.pi), jnp.float32(0.1))
    assert GENERATOR.from_json(json.loads(json.dumps(GENERATOR.to_json(genome)))) == genome
    with pytest.raises(ConfigError):
        GENERATOR.from_json({})
