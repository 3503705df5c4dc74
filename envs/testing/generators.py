"""Does a generator keep what `poet.envs.base.Generator` promises?"""

import json

import jax
import jax.numpy as jnp
from jax import lax

from poet.envs.base import Generator
from poet.envs.testing.common import (
    call,
    check_alike,
    check_coordinates,
    check_hashable,
    check_names,
    check_within,
    fail,
    is_array,
    require,
    same,
    spec_of,
    trace,
)
from poet.envs.testing.environments import check_environment
from poet.errors import ConfigError, ContractError
from poet.types import Genome

BROOD = 64  # genomes drawn at once
GENERATIONS = 8


def check_generator(generator: Generator) -> None:
    """Check a generator, and its environment on genomes of its making. Raises `ContractError`."""
    _declarations(generator)
    simplest = call("simplest", "it runs on the host and takes nothing", generator.simplest)
    spec = spec_of("simplest()", simplest)
    key = jax.random.key(0)

    def alike(name: str, genome: Genome) -> None:
        check_alike(name, spec_of(name, genome), "simplest()", spec)

    alike("sample(key)", trace("sample", "", generator.sample, key))
    strength = jax.ShapeDtypeStruct((), jnp.float32)
    advice = "`strength` is traced: use it in jnp arithmetic, never in a Python `if`, `float` or `int`"
    alike("mutate(key, genome, strength)", trace("mutate", advice, generator.mutate, key, simplest, strength))
    verdict = trace("check", "", generator.check, simplest)
    if [(leaf.shape, leaf.dtype.kind) for leaf in jax.tree.leaves(verdict)] != [((), "b"), ((), "i")]:
        fail(f"check(genome) must give (bool[], int[]), got {verdict}")
    features = trace("features", "", generator.features, simplest)
    if not is_array(features, (len(generator.feature_names),), jnp.float32):
        fail(f"features(genome) must be f32[{len(generator.feature_names)}] as declared, got {features}")

    _text(generator, simplest)
    _refusal(generator, simplest)
    everyone = _population(generator, simplest)
    picked = [jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf[i]), everyone) for i in range(0, 3 * BROOD, BROOD // 4)]
    for genome in picked:
        _text(generator, genome)
        back = call("from_json", "it must read what to_json writes", generator.from_json, generator.to_json(genome))
        alike("from_json(to_json(genome))", back)
        if not same(back, genome):
            fail(f"from_json(to_json(genome)) is not exact: {genome} came back as {back}")
    if crossover := getattr(generator, "crossover", None):
        alike("crossover(key, a, b)", trace("crossover", "", crossover, key, simplest, picked[-1]))
    if repair := getattr(generator, "repair", None):
        alike("repair(genome)", trace("repair", "", repair, simplest))
    check_environment(generator.environment, picked, generator.deterministic)


def _declarations(generator: Generator) -> None:
    protocol = ("id", "version", "environment", "reasons", "feature_names", "feature_bounds", "deterministic")
    for name in (*protocol, "sample", "mutate", "check", "features", "simplest", "describe", "to_json", "from_json"):
        require(hasattr(generator, name), f"generator has no `{name}`; see poet.envs.base.Generator")
    require(isinstance(generator.id, str) and generator.id != "", f"id must be a name, got {generator.id!r}")
    version = generator.version
    require(isinstance(version, int) and version >= 1, f"version must be an int of at least 1, got {version!r}")
    check_names("reasons", generator.reasons)
    check_coordinates("feature", generator.feature_names, generator.feature_bounds)
    require(isinstance(generator.deterministic, bool), f"deterministic must be a bool, got {generator.deterministic!r}")
    check_hashable("environment", generator.environment)
    if generator.environment != generator.environment or hash(generator.environment) != hash(generator.environment):
        fail("environment must be equal each time it is read: make it a frozen dataclass or keep the one object")


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
    if not same((everyone, valid, reason, features), population(*inputs)):
        fail("the same keys gave other genomes; sample, mutate, check and features must be pure functions")
    samples, children = (jax.tree.map(lambda leaf, i=i: leaf[i : i + BROOD], everyone) for i in (1, 1 + BROOD))
    if all((leaf == leaf[:1]).all() for leaf in jax.tree.leaves(samples)):
        fail(f"sample gave the same genome for {BROOD} keys; it must use its key")
    if all((leaf == first).all() for leaf, first in zip(jax.tree.leaves(children), jax.tree.leaves(simplest))):
        fail(f"mutate changed nothing in {BROOD} tries from simplest() at strength 1")
    require(bool(valid[0]), "simplest() is not valid by `check`; a run could not start")
    if not ((reason >= 0) & (reason < len(generator.reasons))).all():
        fail(
            f"check gave reason {reason.min()} to {reason.max()}, which must index the {len(generator.reasons)} reasons"
        )
    require(bool(valid[1 : 1 + BROOD].any()), f"none of {BROOD} samples is valid by `check`")
    require(bool(valid[1 + BROOD :].any()), f"none of {2 * BROOD} mutants of simplest() is valid by `check`")
    for name, (low, high), column in zip(generator.feature_names, generator.feature_bounds, features[valid].T):
        check_within(f"feature {name!r} of valid genomes", low, high, column)
    return everyone


def _text(generator: Generator, genome: Genome) -> None:
    words = call("describe", "it must describe every genome", generator.describe, genome)
    if not isinstance(words, str) or not words.strip() or words != generator.describe(genome):
        fail(f"describe must give the same non-empty words each time, got {words!r}")
    data = call("to_json", "it must write every genome", generator.to_json, genome)
    try:
        if json.loads(json.dumps(data, allow_nan=False)) != data:
            fail(f"to_json must survive JSON unchanged (lists, not tuples; string keys), got {data!r:.300}")
    except (TypeError, ValueError) as error:
        raise ContractError(f"to_json must give plain JSON values ({error}), got {data!r:.300}") from error
    if not isinstance(data, dict) or (data.get("id"), data.get("version")) != (generator.id, generator.version):
        fail(f'to_json must carry "id": {generator.id!r} and "version": {generator.version}, got {data!r:.300}')


def _refusal(generator: Generator, genome: Genome) -> None:
    data = generator.to_json(genome)
    for wrong in ({**data, "id": data["id"] + "?"}, {**data, "version": data["version"] + 1}):
        try:
            generator.from_json(wrong)
        except ConfigError:
            continue
        except Exception as error:
            raise ContractError(f"from_json must raise ConfigError for another id or version, not {error!r}") from error
        fail("from_json must raise ConfigError for another id or version; it took it")
