"""The kit for authors of plug-ins: does an environment, a generator or a problem keep what its protocol promises?

Call `check_environment`, `check_generator` or `check_problem` in a test. Each returns nothing, or raises
`ContractError` naming the part, what was expected, what came, and what to do.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from envs.base import Box, Discrete, Environment, Generator, Interface, MultiDiscrete, Problem, Step
from poet.errors import ConfigError, ContractError
from poet.types import Genome, PyTree

LANES = 128
BROOD = 64  # genomes drawn at once
GENERATIONS = 8


def check_environment(environment: Environment, genomes: Sequence[Genome], deterministic: bool = False) -> None:
    """Check an environment on a few genomes, with random actions to its horizon. Raises `ContractError`.

    `deterministic` says that level and episode must not depend on the key.
    """
    for name in ("interface", "build", "reset", "step"):
        _require(hasattr(environment, name), f"environment has no `{name}`; see envs.base.Environment")
    _hashable("environment", environment)
    interface = _interface(environment)
    _require(len(genomes) > 0, "check_environment expects at least one genome to build levels from")
    first = _spec("genome", genomes[0])
    for genome in genomes[1:]:
        _alike("a genome", _spec("genome", genome), "the first one", first)
    _shapes(environment, interface, genomes[0])

    episode = _episode(environment, interface)

    @jax.jit
    def episodes(keys: jax.Array, chance: jax.Array, which: jax.Array) -> dict:
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves)[which], *genomes)
        return jax.vmap(episode)(keys, chance, stacked)

    keys, chance = jax.random.split(jax.random.key(0), LANES), jax.random.split(jax.random.key(1), LANES)
    which = jnp.arange(LANES) % len(genomes)
    seen = jax.device_get(episodes(keys, chance, which))
    for part, step in zip(("obs", "reward", "info"), seen["broken"].T):
        if (step >= 0).any():
            _fail(f"{part} is not finite under random actions, first at step {step[step >= 0].min()}")
    if seen["went_on"].any():
        _fail(
            f"an episode was neither terminated nor truncated at its horizon ({interface.horizon}) or one step after; "
            "truncate from the horizon on, and never reset inside `step`: the framework starts new episodes"
        )
    if not _same(seen, episodes(keys, chance, which)):
        _fail("the same inputs gave two results; keep all state in the world and all randomness in the key")
    flipped = jax.device_get(episodes(keys[::-1], chance[::-1], which[::-1]))
    if not _same(seen, jax.tree.map(lambda leaf: leaf[::-1], flipped)):
        _fail("an episode's result depends on its place in a batch; each instance must be computed on its own")
    if deterministic and not _same(seen, episodes(keys, chance[::-1], which)):
        _fail("deterministic is declared, but another key gives another level or episode; declare False")
    if not np.isfinite(seen["descriptor"]).all():
        _fail("`descriptor` is not finite under random actions; say what a world is like at any time, its start too")
    success = seen["success"]
    if not ((success >= 0) & (success <= 1)).all():
        _fail(f"`success` must lie in [0, 1], got {success.min()} to {success.max()}")


def check_generator(generator: Generator) -> None:
    """Check a generator, and its environment on genomes of its making. Raises `ContractError`."""
    _declarations(generator)
    simplest = _call("simplest", "it runs on the host and takes nothing", generator.simplest)
    spec = _spec("simplest()", simplest)
    key = jax.random.key(0)

    def alike(name: str, genome: Genome) -> None:
        _alike(name, _spec(name, genome), "simplest()", spec)

    alike("sample(key)", _trace("sample", "", generator.sample, key))
    strength = jax.ShapeDtypeStruct((), jnp.float32)
    advice = "`strength` is traced: use it in jnp arithmetic, never in a Python `if`, `float` or `int`"
    alike("mutate(key, genome, strength)", _trace("mutate", advice, generator.mutate, key, simplest, strength))
    verdict = _trace("check", "", generator.check, simplest)
    if [(leaf.shape, leaf.dtype.kind) for leaf in jax.tree.leaves(verdict)] != [((), "b"), ((), "i")]:
        _fail(f"check(genome) must give (bool[], int[]), got {verdict}")
    features = _trace("features", "", generator.features, simplest)
    if not _is(features, (len(generator.feature_names),), jnp.float32):
        _fail(f"features(genome) must be f32[{len(generator.feature_names)}] as declared, got {features}")

    _text(generator, simplest)
    _refusal(generator, simplest)
    everyone = _population(generator, simplest)
    picked = [jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf[i]), everyone) for i in range(0, 3 * BROOD, BROOD // 4)]
    for genome in picked:
        _text(generator, genome)
        back = _call("from_json", "it must read what to_json writes", generator.from_json, generator.to_json(genome))
        alike("from_json(to_json(genome))", back)
        if not _same(back, genome):
            _fail(f"from_json(to_json(genome)) is not exact: {genome} came back as {back}")
    if crossover := getattr(generator, "crossover", None):
        alike("crossover(key, a, b)", _trace("crossover", "", crossover, key, simplest, picked[-1]))
    if repair := getattr(generator, "repair", None):
        alike("repair(genome)", _trace("repair", "", repair, simplest))
    check_environment(generator.environment, picked, generator.deterministic)


def check_problem(problem: Problem) -> None:
    """Check a problem on samples of its own. Raises `ContractError`."""
    protocol = ("id", "num_params", "descriptor_names", "descriptor_bounds", "fitness_bounds", "deterministic")
    for name in (*protocol, "sample", "evaluate"):
        _require(hasattr(problem, name), f"problem has no `{name}`; see envs.base.Problem")
    _hashable("problem", problem)
    _require(isinstance(problem.id, str) and problem.id != "", f"id must be a name, got {problem.id!r}")
    objectives = getattr(problem, "num_objectives", 1)
    _require(isinstance(objectives, int) and objectives >= 1, f"num_objectives must be at least 1, got {objectives!r}")
    size = problem.num_params
    _require(isinstance(size, int) and size >= 1, f"num_params must be an int of at least 1, got {size!r}")
    num = _coordinates("descriptor", problem.descriptor_names, problem.descriptor_bounds)
    _coordinates("fitness", ("fitness",), (problem.fitness_bounds,))
    _require(isinstance(problem.deterministic, bool), f"deterministic must be a bool, got {problem.deterministic!r}")

    key = jax.random.key(0)
    params = _trace("sample", "", problem.sample, key)
    _require(_is(params, (size,), jnp.float32), f"sample(key) must be f32[{size}] as declared, got {params}")
    said = _trace("evaluate", "", problem.evaluate, key, params)
    _require(isinstance(said, tuple) and len(said) == 2, f"evaluate must give (fitness, descriptor), got {said!r:.100}")
    if objectives == 1:
        _scalar("fitness", said[0], jnp.float32)
    else:
        _require(_is(said[0], (objectives,), jnp.float32), f"fitness must be f32[{objectives}], got {said[0]!r:.100}")
    _require(_is(said[1], (num,), jnp.float32), f"descriptor must be f32[{num}] as declared, got {said[1]!r:.100}")

    sample, evaluate = jax.jit(jax.vmap(problem.sample)), jax.jit(jax.vmap(problem.evaluate))
    keys, chance = jax.random.split(key, LANES), jax.random.split(jax.random.key(1), LANES)
    params = sample(keys)
    if (params == params[:1]).all():
        _fail(f"sample gave the same solution for {LANES} keys; it must use its key")
    seen = fitness, descriptor = jax.device_get(evaluate(chance, params))
    bounds = (problem.fitness_bounds, *problem.descriptor_bounds)
    names = ("fitness", *(f"descriptor {name!r}" for name in problem.descriptor_names))
    for name, (low, high), column in zip(names, bounds, (fitness.reshape(LANES, -1).sum(1), *descriptor.T)):
        _within(f"{name} of samples", low, high, column)
    if not _same((params, seen), (sample(keys), evaluate(chance, params))):
        _fail("the same inputs gave two results; sample and evaluate must be pure functions")
    if not _same(seen, jax.tree.map(lambda leaf: leaf[::-1], evaluate(chance[::-1], params[::-1]))):
        _fail("a solution's result depends on its place in a batch; each must be evaluated on its own")
    if problem.deterministic and not _same(seen, evaluate(chance[::-1], params)):
        _fail("deterministic is declared, but another key gives another result; declare False")
    if draw := getattr(problem, "draw", None):
        picture = _call("draw", "it must draw every solution", draw, params[0])
        if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.shape[2:] != (3,):
            _fail(f"draw(params) must be u8[H, W, 3], got {picture!r:.100}")


def _fail(message: str) -> NoReturn:
    raise ContractError(message)


def _require(holds: bool, message: str) -> None:
    if not holds:
        _fail(message)


def _call(name: str, advice: str, function: Callable, *args: Any) -> Any:
    try:
        return function(*args)
    except Exception as error:
        raise ContractError(f"{name} raised {error!r:.300}; {advice}") from error


def _trace(name: str, advice: str, function: Callable, *args: Any) -> PyTree:
    """Shapes of the function's results; traced twice, since Python-side state or chance changes the program."""
    programs, shapes = [], None
    for _ in range(2):
        try:
            program, shapes = jax.make_jaxpr(lambda *args: function(*args), return_shape=True)(*args)
        except Exception as error:
            advice = advice or "use jnp and lax.cond, never a Python branch on a value"
            raise ContractError(f"{name} cannot be traced by jax; {advice}. It raised {error!r:.300}") from error
        programs.append((re.sub("0x[0-9a-f]+", "", str(program)), [_bits(const) for const in program.consts]))
    if programs[0] != programs[1]:
        _fail(f"{name} is another program each time it is traced; keep state in the world and randomness in the key")
    return shapes


def _hashable(name: str, thing: Any) -> None:
    try:
        hash(thing)
    except TypeError as error:
        raise ContractError(f"{name} must be hashable: make it a frozen dataclass of plain values") from error


def _bits(leaf: Any) -> bytes:
    if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    leaf = np.asarray(leaf)
    if jnp.issubdtype(leaf.dtype, jnp.inexact):  # a NaN is one however it came about: its sign is the compiler's
        leaf = np.where(np.isnan(leaf), np.array(np.nan, leaf.dtype), leaf)
    return leaf.tobytes()


def _same(a: PyTree, b: PyTree) -> bool:
    return all(_bits(x) == _bits(y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)))


def _spec(name: str, tree: PyTree) -> PyTree:
    leaves = jax.tree.leaves(tree)
    _require(len(leaves) > 0, f"{name} has no leaves; a genome is a pytree of arrays")
    for leaf in leaves:
        if not isinstance(leaf, jax.Array | np.ndarray | jax.ShapeDtypeStruct):
            _fail(f"{name} has a leaf of type {type(leaf).__name__} ({leaf!r:.60}); make every leaf a jnp array")
        _require(leaf.size > 0, f"{name} has an empty leaf of shape {leaf.shape}; leave it out")
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)


def _alike(name: str, spec: PyTree, other_name: str, other: PyTree) -> None:
    if jax.tree.structure(spec) != jax.tree.structure(other) or jax.tree.leaves(spec) != jax.tree.leaves(other):
        _fail(f"{name} must have the structure, shapes and dtypes of {other_name}: expected {other}, got {spec}")


def _is(value: Any, shape: tuple[int, ...], dtype: Any) -> bool:
    return hasattr(value, "dtype") and (value.shape, value.dtype) == (shape, dtype)


def _scalar(name: str, value: Any, dtype: Any) -> None:
    _require(_is(value, (), dtype), f"{name} must be {jnp.dtype(dtype).name}[], got {value!r:.100}")


def _interface(environment: Environment) -> Interface:
    interface = environment.interface
    if not isinstance(interface, Interface):
        _fail(f"interface must be an envs.base.Interface, got {type(interface).__name__}")
    _hashable("interface", interface)
    name, _, number = interface.id.rpartition("-v")
    _require(bool(name) and number.isdigit(), f'interface.id must end in a version, as "maze-v1", got {interface.id!r}')
    if not isinstance(interface.obs, jax.ShapeDtypeStruct):
        _fail(f"interface.obs must be a jax.ShapeDtypeStruct, got {interface.obs!r}")
    horizon = interface.horizon
    _require(
        isinstance(horizon, int) and horizon >= 1, f"interface.horizon must be an int of at least 1, got {horizon!r}"
    )
    info = interface.info
    if not isinstance(info, tuple) or len(set(info)) != len(info) or not all(isinstance(key, str) for key in info):
        _fail(f"interface.info must be a tuple of distinct names, got {info!r}")
    match interface.action:
        case Box(_, low, high):
            _require(-math.inf < low < high < math.inf, f"a Box action needs finite low < high, got {low} and {high}")
        case Discrete(num):
            _require(num >= 1, f"a Discrete action needs at least one choice, got {num}")
        case MultiDiscrete(nums):
            _require(len(nums) > 0 and min(nums) >= 1, f"a MultiDiscrete action needs choices everywhere, got {nums}")
        case other:
            _fail(f"interface.action must be a Box, Discrete or MultiDiscrete, got {other!r}")
    _require(environment.interface == interface, "interface must be the same each time it is read")
    return interface


def _shapes(environment: Environment, interface: Interface, genome: Genome) -> None:
    key = jax.random.key(0)
    level = _trace("build", "", environment.build, key, genome)
    begun = _trace("reset", "", environment.reset, key, level)
    _require(isinstance(begun, tuple) and len(begun) == 2, "reset must give (world, obs)")
    world, obs = begun
    action = jax.eval_shape(lambda: _action(key, interface))
    step = _trace("step", "", environment.step, key, level, world, action)
    _require(isinstance(step, Step), f"step must give an envs.base.Step, got {type(step).__name__}")
    for name, seen in (("reset", obs), ("step", step.obs)):
        if not _is(seen, interface.obs.shape, interface.obs.dtype):
            _fail(f"obs of {name} must be {interface.obs} as declared in interface, got {seen!r:.100}")
    _scalar("reward", step.reward, jnp.float32)
    _scalar("terminated", step.terminated, jnp.bool_)
    _scalar("truncated", step.truncated, jnp.bool_)
    if not isinstance(step.info, dict) or set(step.info) != set(interface.info):
        _fail(f"step.info must be a dict with the keys declared in interface.info {interface.info}, got {step.info}")
    for name, value in step.info.items():
        _scalar(f"info[{name!r}]", value, jnp.float32)
    _alike("the world after step", _spec("world", step.world), "the world of reset", _spec("world", world))
    if success := getattr(environment, "success", None):
        _scalar("success(level, world)", _trace("success", "", success, level, world), jnp.float32)
    if describe := getattr(environment, "descriptor", None):
        descriptor = _trace("descriptor", "", describe, level, world)
        declared = (getattr(environment, name, None) for name in ("descriptor_names", "descriptor_bounds"))
        num = _coordinates("descriptor", *declared)
        _require(_is(descriptor, (num,), jnp.float32), f"descriptor must be f32[{num}] as declared, got {descriptor}")


def _action(key: jax.Array, interface: Interface) -> jax.Array:
    match interface.action:
        case Box(shape, low, high):
            return jax.random.uniform(key, shape, minval=low, maxval=high)
        case Discrete(num):
            return jax.random.randint(key, (), 0, num)
        case MultiDiscrete(nums):
            return jax.random.randint(key, (len(nums),), 0, jnp.array(nums))


def _names(what: str, names: Any) -> None:
    if not isinstance(names, tuple) or not names or not all(isinstance(each, str) and each for each in names):
        _fail(f"{what} must be a tuple of non-empty strings, got {names!r}")


def _coordinates(what: str, names: Any, bounds: Any) -> int:
    """How many there are; names are a tuple of different words, and each has a finite low and high."""
    _names(f"{what}_names", names)
    _require(len(set(names)) == len(names), f"{what}_names must differ, got {names}")
    advice = f"{what}_bounds must be a finite (low, high) with low < high for each of {names}, got {bounds!r}"
    pairs = _call(f"{what}_bounds", advice, lambda: [(float(low), float(high)) for low, high in bounds])
    if len(pairs) != len(names) or not all(-math.inf < low < high < math.inf for low, high in pairs):
        _fail(advice)
    return len(names)


def _within(name: str, low: float, high: float, values: np.ndarray) -> None:
    slack = 1e-5 * (high - low)
    if not ((values >= low - slack) & (values <= high + slack)).all():
        _fail(f"{name} must lie in {low} to {high}, got {values.min()} to {values.max()}")


def _finite(tree: PyTree) -> jax.Array:
    floats = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.all(jnp.array([True, *(jnp.isfinite(leaf).all() for leaf in floats)]))


def _episode(environment: Environment, interface: Interface) -> Callable[[jax.Array, jax.Array, Genome], dict]:
    """One lane: random actions for a step more than the horizon, whether or not the episode ends before."""

    def episode(act: jax.Array, chance: jax.Array, genome: Genome) -> dict:
        build, reset, chance = jax.random.split(chance, 3)
        level = environment.build(build, genome)
        world, obs = environment.reset(reset, level)

        def tick(carry: tuple, t: jax.Array) -> tuple[tuple, None]:
            world, _, total, live, broken, went_on = carry
            action = _action(jax.random.fold_in(act, t), interface)
            step = environment.step(jax.random.fold_in(chance, t), level, world, action)
            bad = ~jnp.stack([_finite(step.obs), _finite(step.reward), _finite(step.info)])
            broken = jnp.where(live & bad & (broken < 0), t, broken)
            ended = step.terminated | step.truncated
            went_on = went_on | (~ended & (t + 1 >= interface.horizon))
            total = total + jnp.where(live, step.reward, 0.0)
            return (step.world, step.obs, total, live & ~ended, broken, went_on), None

        start = (world, obs, jnp.float32(0), jnp.bool_(True), jnp.full(3, -1), jnp.bool_(False))
        (world, obs, total, _, broken, went_on), _ = lax.scan(tick, start, jnp.arange(interface.horizon + 1))
        success = getattr(environment, "success", lambda level, world: jnp.float32(1))(level, world)
        descriptor = getattr(environment, "descriptor", lambda level, world: jnp.zeros(0))(level, world)
        outcome = {"world": world, "obs": obs, "total": total, "success": success, "descriptor": descriptor}
        return {**outcome, "broken": broken, "went_on": went_on}

    return episode


def _declarations(generator: Generator) -> None:
    protocol = ("id", "version", "environment", "reasons", "feature_names", "feature_bounds", "deterministic")
    for name in (*protocol, "sample", "mutate", "check", "features", "simplest", "describe", "to_json", "from_json"):
        _require(hasattr(generator, name), f"generator has no `{name}`; see envs.base.Generator")
    _require(isinstance(generator.id, str) and generator.id != "", f"id must be a name, got {generator.id!r}")
    version = generator.version
    _require(isinstance(version, int) and version >= 1, f"version must be an int of at least 1, got {version!r}")
    _names("reasons", generator.reasons)
    _coordinates("feature", generator.feature_names, generator.feature_bounds)
    _require(
        isinstance(generator.deterministic, bool), f"deterministic must be a bool, got {generator.deterministic!r}"
    )
    _hashable("environment", generator.environment)
    if generator.environment != generator.environment or hash(generator.environment) != hash(generator.environment):
        _fail("environment must be equal each time it is read: make it a frozen dataclass or keep the one object")


def _population(generator: Generator, simplest: Genome) -> Genome:
    """The simplest genome, samples, mutants of it and late descendants: 1 + 3 * BROOD genomes, checked."""

    @jax.jit
    def population(keys: jax.Array, simplest: Genome, strength: jax.Array) -> tuple:
        def mutate(genomes: Genome, key: jax.Array) -> tuple[Genome, None]:
            keys = jax.random.split(key, BROOD)
            return jax.vmap(generator.mutate, (0, 0, None))(keys, genomes, strength), None

        flat = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (BROOD, *leaf.shape)), simplest)
        samples = jax.vmap(generator.sample)(jax.random.split(keys[0], BROOD))
        children, _ = mutate(flat, keys[1])
        brood, _ = lax.scan(mutate, children, keys[2:])
        first = jax.tree.map(lambda leaf: leaf[:1], flat)
        everyone = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), first, samples, children, brood)
        return everyone, jax.vmap(generator.check)(everyone), jax.vmap(generator.features)(everyone)

    inputs = (jax.random.split(jax.random.key(0), 2 + GENERATIONS), simplest, jnp.float32(1))
    everyone, (valid, reason), features = jax.device_get(population(*inputs))
    if not _same((everyone, valid, reason, features), population(*inputs)):
        _fail("the same keys gave other genomes; sample, mutate, check and features must be pure functions")
    samples, children = (jax.tree.map(lambda leaf, i=i: leaf[i : i + BROOD], everyone) for i in (1, 1 + BROOD))
    if all((leaf == leaf[:1]).all() for leaf in jax.tree.leaves(samples)):
        _fail(f"sample gave the same genome for {BROOD} keys; it must use its key")
    if all((leaf == first).all() for leaf, first in zip(jax.tree.leaves(children), jax.tree.leaves(simplest))):
        _fail(f"mutate changed nothing in {BROOD} tries from simplest() at strength 1")
    _require(bool(valid[0]), "simplest() is not valid by `check`; a run could not start")
    if not ((reason >= 0) & (reason < len(generator.reasons))).all():
        _fail(
            f"check gave reason {reason.min()} to {reason.max()}, which must index the {len(generator.reasons)} reasons"
        )
    _require(bool(valid[1 : 1 + BROOD].any()), f"none of {BROOD} samples is valid by `check`")
    _require(bool(valid[1 + BROOD :].any()), f"none of {2 * BROOD} mutants of simplest() is valid by `check`")
    for name, (low, high), column in zip(generator.feature_names, generator.feature_bounds, features[valid].T):
        _within(f"feature {name!r} of valid genomes", low, high, column)
    return everyone


def _text(generator: Generator, genome: Genome) -> None:
    words = _call("describe", "it must describe every genome", generator.describe, genome)
    if not isinstance(words, str) or not words.strip() or words != generator.describe(genome):
        _fail(f"describe must give the same non-empty words each time, got {words!r}")
    data = _call("to_json", "it must write every genome", generator.to_json, genome)
    try:
        if json.loads(json.dumps(data, allow_nan=False)) != data:
            _fail(f"to_json must survive JSON unchanged (lists, not tuples; string keys), got {data!r:.300}")
    except (TypeError, ValueError) as error:
        raise ContractError(f"to_json must give plain JSON values ({error}), got {data!r:.300}") from error
    if not isinstance(data, dict) or (data.get("id"), data.get("version")) != (generator.id, generator.version):
        _fail(f'to_json must carry "id": {generator.id!r} and "version": {generator.version}, got {data!r:.300}')


def _refusal(generator: Generator, genome: Genome) -> None:
    data = generator.to_json(genome)
    for wrong in ({**data, "id": data["id"] + "?"}, {**data, "version": data["version"] + 1}):
        try:
            generator.from_json(wrong)
        except ConfigError:
            continue
        except Exception as error:
            raise ContractError(f"from_json must raise ConfigError for another id or version, not {error!r}") from error
        _fail("from_json must raise ConfigError for another id or version; it took it")
