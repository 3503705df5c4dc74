import dataclasses
import itertools
import json
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from envs.base import Box, Step
from envs.registry import make, problems
from envs.testing import _same, check_environment, check_generator, check_problem
from poet.errors import ConfigError, ContractError
from tests.envs.toy import Corridor, CorridorGenerator, CorridorWorld, Point

WORLD = CorridorWorld(horizon=12)
GENERATOR = CorridorGenerator(environment=WORLD)
COUNTER = itertools.count()


def test_toy_passes() -> None:
    check_generator(GENERATOR)


def test_any_nan_is_the_same_nan_and_minus_zero_is_not_zero() -> None:
    quiet = np.array([0x7FC00000, 0xFFC00000], np.uint32).view(np.float32)
    assert _same(quiet[:1], quiet[1:])
    assert not _same(np.float32(0.0), np.float32(-0.0))
    assert not _same(np.float32(0.0), quiet[0])


@pytest.mark.slow
def test_walker_passes() -> None:
    check_generator(make("walker", horizon=60))


@pytest.mark.slow
def test_walker_passes_with_every_option() -> None:
    check_generator(make("walker", stairs=True, max_stair_steps=9, terrain="fresh", mutate="one"))


class Changed(CorridorWorld):
    """A corridor some of whose steps come out otherwise; with extra optional parts."""

    def __init__(self, step: Callable | None = None, **parts) -> None:
        super().__init__(12)
        object.__setattr__(self, "change", step)
        for name, part in parts.items():
            object.__setattr__(self, name, part)

    def step(self, key, level, world, action):
        step = super().step(key, level, world, action)
        return self.change(step, world) if self.change else step


def interface(**changes) -> CorridorWorld:
    class Declared(CorridorWorld):
        @property
        def interface(self):
            return super().interface._replace(**changes)

    return Declared(12)


def described(descriptor: Callable = lambda level, world: world.place, **parts) -> Changed:
    """A corridor that tells where its point ends."""
    declared = {"descriptor_names": ("x", "y"), "descriptor_bounds": ((0.0, 9.0), (-1.0, 1.0))}
    return Changed(descriptor=descriptor, **{**declared, **parts})


class NoStep:
    interface, build, reset = WORLD.interface, WORLD.build, WORLD.reset


@dataclasses.dataclass
class Mutable(CorridorWorld.__bases__[0]):
    interface, build, reset, step = WORLD.interface, WORLD.build, WORLD.reset, WORLD.step


class OtherInterface(CorridorWorld):
    interface = "corridor"  # type: ignore


class ResetsItself(CorridorWorld):
    def step(self, key, level, world, action):
        step = super().step(key, level, world, action)
        over = step.terminated | step.truncated
        start, obs = self.reset(key, level)
        world, obs = jax.tree.map(lambda a, b: jnp.where(over, a, b), (start, obs), (step.world, step.obs))
        return step._replace(world=world, obs=obs)


@jax.custom_batching.custom_vmap
def mixed(x):
    return x


@mixed.def_vmap
def _(size, batched, x):
    return jnp.cumsum(x), True


def python_branch(step: Step, world: Point) -> Step:
    return step if step.reward > 0 else step._replace(reward=jnp.float32(0))


def host_dice(step: Step, world: Point) -> Step:
    roll = jax.pure_callback(lambda: np.float32(next(COUNTER)), jax.ShapeDtypeStruct((), jnp.float32))
    return step._replace(reward=step.reward + roll)


def chance(step: Step, world: Point) -> Step:
    return step._replace(reward=step.reward + next(COUNTER))


ENVIRONMENTS = {
    "no step": (NoStep(), "has no `step`"),
    "not hashable": (Mutable(), "must be hashable"),
    "another interface": (OtherInterface(12), "must be an envs.base.Interface"),
    "id without version": (interface(id="corridor"), "must end in a version"),
    "no horizon": (interface(horizon=0), "horizon must be an int of at least 1"),
    "obs not a spec": (interface(obs=(4,)), "ShapeDtypeStruct"),
    "unbounded actions": (interface(action=Box((2,), high=float("inf"))), "finite low < high"),
    "unknown space": (interface(action="left or right"), "Box, Discrete or MultiDiscrete"),
    "info twice": (interface(info=("y", "y")), "distinct names"),
    "obs of another shape": (interface(obs=jax.ShapeDtypeStruct((5,), jnp.float32)), "obs of reset must be"),
    "obs of another dtype": (
        Changed(lambda step, _: step._replace(obs=step.obs.astype(jnp.bfloat16))),
        "obs of step must be",
    ),
    "python branch": (Changed(python_branch), "step cannot be traced by jax"),
    "a gym tuple": (Changed(lambda step, _: (step.obs, step.reward, False, {})), "must give an envs.base.Step"),
    "reward of a shape": (Changed(lambda step, _: step._replace(reward=step.reward[None])), "reward must be float32"),
    "done as a float": (Changed(lambda step, _: step._replace(terminated=step.reward)), "terminated must be bool"),
    "undeclared info": (Changed(lambda step, _: step._replace(info={"x": step.reward})), "keys declared in interface"),
    "no info": (Changed(lambda step, _: step._replace(info=None)), "must be a dict with the keys"),
    "a world that changes": (
        Changed(lambda step, _: step._replace(world=step.world._replace(time=step.reward))),
        "the world after step must have",
    ),
    "not finite": (Changed(lambda step, _: step._replace(obs=step.obs / 0)), "obs is not finite .* first at step 0"),
    "no end": (Changed(lambda step, _: step._replace(truncated=jnp.bool_(False))), "neither terminated nor truncated"),
    "resets itself": (ResetsItself(12), "never reset inside `step`"),
    "hidden state": (Changed(chance), "step is another program each time"),
    "dice on the host": (Changed(host_dice), "same inputs gave two results"),
    "mixes lanes": (Changed(lambda step, _: step._replace(reward=mixed(step.reward))), "its place in a batch"),
    "success above 1": (Changed(success=lambda level, world: 2 + world.place[0]), "`success` must lie in"),
    "success of a shape": (Changed(success=lambda level, world: world.place), "success.* must be float32"),
    "descriptor without axis": (
        described(lambda level, world: world.place[0]),
        r"descriptor must be f32\[2\] as declared",
    ),
    "descriptor of another size": (
        described(lambda level, world: jnp.zeros(3)),
        r"descriptor must be f32\[2\] as declared",
    ),
    "descriptor of integers": (
        described(lambda level, world: jnp.arange(2)),
        r"descriptor must be f32\[2\] as declared",
    ),
    "descriptor not finite": (described(lambda level, world: world.place / 0), "`descriptor` is not finite"),
    "descriptor without names": (
        Changed(descriptor=lambda level, world: world.place),
        "descriptor_names must be a tuple",
    ),
    "descriptor without bounds": (described(descriptor_bounds=None), "descriptor_bounds must be a finite"),
    "descriptor with a bound too few": (described(descriptor_bounds=((0.0, 9.0),)), "descriptor_bounds must be"),
    "descriptor with names alike": (described(descriptor_names=("x", "x")), "descriptor_names must differ"),
}


def test_an_environment_with_descriptor_passes() -> None:
    check_environment(described(), [GENERATOR.simplest()], deterministic=True)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_broken_environment(name: str) -> None:
    environment, words = ENVIRONMENTS[name]
    with pytest.raises(ContractError, match=words):
        check_environment(environment, [GENERATOR.simplest(), Corridor(jnp.float32(3), jnp.float32(0.5))])


def test_genomes_of_two_kinds() -> None:
    with pytest.raises(ContractError, match="must have the structure, shapes and dtypes"):
        check_environment(WORLD, [GENERATOR.simplest(), Corridor(jnp.float32(3), jnp.int32(0))])
    with pytest.raises(ContractError, match="at least one genome"):
        check_environment(WORLD, [])


def generator(**parts) -> CorridorGenerator:
    """The toy generator with these attributes or methods."""
    changed = type("Broken", (CorridorGenerator,), {})(environment=WORLD)
    for name, part in parts.items():
        object.__setattr__(changed, name, part)
    return changed


class NoDescribe:
    def __getattr__(self, name):
        if name == "describe":
            raise AttributeError(name)
        return getattr(GENERATOR, name)


def rounded(genome):
    return {**GENERATOR.to_json(genome), "length": round(float(genome.length), 2)}


def drifting(key, level):
    return Point(0.1 * jax.random.normal(key, (2,)), jnp.zeros(2), jnp.int32(0)), jnp.zeros(4)


def trusting(data):
    return Corridor(jnp.float32(data["length"]), jnp.float32(data["wind"]))


def picky(data):
    assert data["id"] == "corridor"
    return GENERATOR.from_json(data)


def halved(key, genome, strength):
    return GENERATOR.mutate(key, genome, strength)._replace(wind=jnp.zeros(2))


def guarded(key, genome, strength):
    return GENERATOR.mutate(key, genome, strength if strength > 0 else 1.0)


GENERATORS = {
    "no describe": (NoDescribe(), "has no `describe`"),
    "no version": (generator(version=0), "version must be an int"),
    "reasons as a list": (generator(reasons=["valid"]), "reasons must be a tuple"),
    "bounds missing": (generator(feature_bounds=((2.0, 9.0),)), "feature_bounds must be"),
    "deterministic as a word": (generator(deterministic="yes"), "deterministic must be a bool"),
    "environment made anew": (generator(environment=Mutable()), "must be hashable"),
    "a leaf that is no array": (generator(simplest=lambda: Corridor(2.0, 0.0)), "leaf of type float"),
    "an empty leaf": (generator(simplest=lambda: Corridor(jnp.zeros(0), jnp.zeros(()))), "an empty leaf"),
    "no leaves": (generator(simplest=lambda: ()), "has no leaves"),
    "sample of another dtype": (
        generator(sample=lambda key: Corridor(jnp.int32(2), jnp.float32(0))),
        r"sample\(key\) must have the structure",
    ),
    "mutate to another shape": (generator(mutate=halved), "mutate.* must have the structure"),
    "branch on strength": (generator(mutate=guarded), "mutate cannot be traced .* `strength` is traced"),
    "check without reason": (generator(check=lambda genome: genome.wind >= 0), r"must give \(bool\[\], int\[\]\)"),
    "a feature too many": (generator(features=lambda genome: jnp.zeros(3)), r"must be f32\[2\] as declared"),
    "sample without key": (generator(sample=lambda key: GENERATOR.simplest()), "the same genome for 64 keys"),
    "sample with its own dice": (
        generator(sample=lambda key: Corridor(jax.random.uniform(key) + next(COUNTER), jnp.float32(0))),
        "sample is another program each time",
    ),
    "mutate does nothing": (generator(mutate=lambda key, genome, strength: genome), "changed nothing"),
    "simplest is invalid": (generator(simplest=lambda: Corridor(jnp.float32(1), jnp.float32(0))), "not valid by"),
    "reason out of range": (
        generator(check=lambda genome: (genome.wind >= 0, jnp.int32(7))),
        "must index the 3 reasons",
    ),
    "no child is valid": (
        generator(mutate=lambda key, genome, strength: genome._replace(wind=genome.wind - 1)),
        "none of 128 mutants",
    ),
    "feature out of bounds": (generator(features=lambda genome: 10 * jnp.stack(genome)), "feature 'length' of valid"),
    "describe at random": (generator(describe=lambda genome: f"number {next(COUNTER)}"), "the same non-empty words"),
    "describe raises": (generator(describe=lambda genome: f"{genome.lenght}"), "describe raised AttributeError"),
    "json of arrays": (generator(to_json=lambda genome: genome._asdict()), "must give plain JSON values"),
    "json of tuples": (
        generator(to_json=lambda genome: {**GENERATOR.to_json(genome), "size": (1, 2)}),
        "survive JSON unchanged",
    ),
    "json without version": (generator(to_json=lambda genome: {"id": "corridor"}), '"version": 1'),
    "json that rounds": (generator(to_json=rounded), "is not exact"),
    "json of another id is taken": (generator(from_json=trusting), "it took it"),
    "json of another id asserts": (generator(from_json=picky), "must raise ConfigError .* not AssertionError"),
    "crossover of another shape": (
        generator(crossover=lambda key, a, b: (a, b)),
        "crossover.* must have the structure",
    ),
    "repair of another dtype": (
        generator(repair=lambda genome: genome._replace(wind=jnp.int32(0))),
        "repair.* must have the structure",
    ),
    "environment is broken": (generator(environment=ResetsItself(12)), "never reset inside `step`"),
    "not deterministic": (
        generator(environment=Changed(reset=drifting)),
        "deterministic is declared, but another key",
    ),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_broken_generator(name: str) -> None:
    broken, words = GENERATORS[name]
    with pytest.raises(ContractError, match=words):
        check_generator(broken)


def test_toy_reads_what_it_writes() -> None:
    genome = Corridor(jnp.float32(np.pi), jnp.float32(0.1))
    assert GENERATOR.from_json(json.loads(json.dumps(GENERATOR.to_json(genome)))) == genome
    with pytest.raises(ConfigError):
        GENERATOR.from_json({})


@dataclasses.dataclass(frozen=True)
class Hill:
    """A problem as short as it can be, of which tests break one part."""

    id: str = "hill"
    num_params: int = 2
    descriptor_names: tuple[str, ...] = ("x", "y")
    descriptor_bounds: tuple[tuple[float, float], ...] = ((-1.0, 1.0), (-1.0, 1.0))
    fitness_bounds: tuple[float, float] = (-2.0, 0.0)
    deterministic: bool = True

    def sample(self, key):
        return jax.random.uniform(key, (2,), minval=-1.0)

    def evaluate(self, key, params):
        return -(params**2).sum(), params


def hill(**parts) -> Hill:
    """The hill with these attributes or methods."""
    changed = type("Broken", (Hill,), {})()
    for name, part in parts.items():
        object.__setattr__(changed, name, part)
    return changed


class NoSample:
    def __getattr__(self, name):
        if name == "sample":
            raise AttributeError(name)
        return getattr(Hill(), name)


class Loose(Hill):
    __hash__ = None  # type: ignore


def noisy(key, params):
    return -(params**2).sum() * jax.random.uniform(key), params


PROBLEMS = {
    "no sample": (NoSample(), "has no `sample`"),
    "not hashable": (Loose(), "must be hashable"),
    "no name": (hill(id=""), "id must be a name"),
    "no parameters": (hill(num_params=0), "num_params must be an int of at least 1"),
    "a name left empty": (hill(descriptor_names=("x", "")), "descriptor_names must be a tuple"),
    "a bound too few": (hill(descriptor_bounds=((-1.0, 1.0),)), "descriptor_bounds must be a finite"),
    "bounds that are no pairs": (hill(descriptor_bounds=(-1.0, 1.0)), "descriptor_bounds must be a finite"),
    "unbounded fitness": (hill(fitness_bounds=(-float("inf"), 0.0)), "fitness_bounds must be a finite"),
    "deterministic as a word": (hill(deterministic="yes"), "deterministic must be a bool"),
    "samples of another size": (hill(sample=lambda key: jax.random.uniform(key, (3,))), r"sample.* must be f32\[2\]"),
    "fitness alone": (hill(evaluate=lambda key, params: params.sum()), r"must give \(fitness, descriptor\)"),
    "fitness of a shape": (hill(evaluate=lambda key, params: (params, params)), "fitness must be float32"),
    "no objective": (hill(num_objectives=0), "num_objectives must be at least 1"),
    "an objective too few": (hill(num_objectives=2), r"fitness must be f32\[2\]"),
    "a coordinate too many": (hill(evaluate=lambda key, params: (-params.sum(), jnp.zeros(3))), r"must be f32\[2\]"),
    "sample without key": (hill(sample=lambda key: jnp.ones(2)), "the same solution for 128 keys"),
    "fitness not finite": (
        hill(evaluate=lambda key, params: (params.sum() / 0, params)),
        "fitness of samples must lie",
    ),
    "fitness out of bounds": (hill(fitness_bounds=(-1.0, 0.0)), "fitness of samples must lie in -1.0 to 0.0"),
    "descriptor out of bounds": (
        hill(evaluate=lambda key, params: (-(params**2).sum(), 2 * params)),
        "descriptor 'x' of samples must lie",
    ),
    "hidden state": (
        hill(evaluate=lambda key, params: (-(params**2).sum() - next(COUNTER) * 1e-9, params)),
        "evaluate is another program each time",
    ),
    "mixes the batch": (
        hill(evaluate=lambda key, params: (-mixed(params[0] ** 2 / 128), params)),
        "its place in a batch",
    ),
    "noise": (hill(evaluate=noisy), "deterministic is declared, but another key"),
    "draws a list": (hill(draw=lambda params: [[0]]), r"draw\(params\) must be u8\[H, W, 3\]"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_broken_problem(name: str) -> None:
    broken, words = PROBLEMS[name]
    with pytest.raises(ContractError, match=words):
        check_problem(broken)


def test_sound_problems_pass() -> None:
    check_problem(Hill())
    check_problem(hill(evaluate=noisy, deterministic=False))


@pytest.mark.parametrize("name", ["sphere", "rastrigin", "rastrigin-multi", "arm"])
def test_our_problems_pass(name: str) -> None:
    check_problem(problems.make(name))


@pytest.mark.slow
def test_maze_passes() -> None:
    check_generator(make("maze", horizon=60))


@pytest.mark.slow
def test_gaits_pass() -> None:
    check_generator(make("walker-gaits", horizon=60))
