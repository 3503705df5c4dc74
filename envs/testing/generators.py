"""Does a generator keep the contract of `poet.envs.base.Generator`?"""

import json

import jax
import jax.numpy as jnp
from jax import lax

from poet.envs.base import Generator
from poet.envs.testing.common import (
    call,
    check_array,
    check_coordinates,
    check_hashable,
    check_members,
    check_names,
    check_same_spec,
    check_within,
    fail,
    require,
    same_bits,
    spec_of,
    trace,
)
from poet.envs.testing.environments import check_environment
from poet.errors import ConfigError, ContractError
from poet.jax_settings import pinned
from poet.types import Genome, PyTree

GROUP_SIZE = 64  # genomes in each of the three groups of `_make_genomes`
GENERATIONS = 8  # of mutation behind the last group
MEMBERS = (
    *("id", "version", "environment", "reasons", "feature_names", "feature_bounds", "deterministic"),
    *("sample", "mutate", "check", "features", "simplest", "describe", "to_json", "from_json"),
)


@pinned()
def check_generator(generator: Generator) -> None:
    """Check a generator, and its environment on the levels of genomes that it makes.

    Takes the time to compile and run 128 episodes of random actions. Raises `ContractError` with what was expected,
    what was found, and what to do.
    """
    _check_declarations(generator)
    simplest = call("simplest", "it must run on the host without arguments", generator.simplest)
    spec = spec_of("simplest()", simplest)
    _check_traces(generator, simplest, spec)
    _check_text(generator, simplest)
    _check_foreign_json(generator, simplest)
    genomes = _make_genomes(generator, simplest)
    indices = range(0, 3 * GROUP_SIZE, GROUP_SIZE // 4)
    chosen = [jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf[i]), genomes) for i in indices]
    for genome in chosen:
        _check_text(generator, genome)
        loaded = call("from_json", "it must read what to_json writes", generator.from_json, generator.to_json(genome))
        check_same_spec("from_json(to_json(genome))", spec_of("from_json(to_json(genome))", loaded), "simplest()", spec)
        if not same_bits(loaded, genome):
            fail(
                f"from_json(to_json(genome)) must equal the genome bit for bit, but it is not exact: {genome} became "
                f"{loaded}: write all digits"
            )
    _check_optional_traces(generator, simplest, chosen[-1], spec)
    check_environment(generator.environment, chosen, generator.deterministic)


def _check_declarations(generator: Generator) -> None:
    check_members("generator", generator, MEMBERS)
    require(
        isinstance(generator.id, str) and generator.id != "",
        f"id must be a non-empty string, got {generator.id!r}: use the id of the generator's config",
    )
    version = generator.version
    require(
        isinstance(version, int) and version >= 1,
        f"version must be an int of at least 1, got {version!r}: start with 1",
    )
    check_names("reasons", generator.reasons)
    check_coordinates("feature", generator.feature_names, generator.feature_bounds)
    require(
        isinstance(generator.deterministic, bool),
        f"deterministic must be a bool, got {generator.deterministic!r}: declare True or False",
    )
    check_hashable("environment", generator.environment)
    if generator.environment != generator.environment or hash(generator.environment) != hash(generator.environment):
        fail(
            "environment must be equal at each access, but two accesses gave different ones: "
            "make it a frozen dataclass, or store one object"
        )


def _check_traces(generator: Generator, simplest: Genome, spec: PyTree) -> None:
    def check_genome(name: str, genome: Genome) -> None:
        check_same_spec(name, spec_of(name, genome), "simplest()", spec)

    key = jax.random.key(0)
    check_genome("sample(key)", trace("sample", "", generator.sample, key))
    strength = jax.ShapeDtypeStruct((), jnp.float32)
    advice = "`strength` is traced: use it in jnp arithmetic, never in a Python `if`, `float` or `int`"
    check_genome("mutate(key, genome, strength)", trace("mutate", advice, generator.mutate, key, simplest, strength))
    verdict = trace("check", "", generator.check, simplest)
    if [(leaf.shape, leaf.dtype.kind) for leaf in jax.tree.leaves(verdict)] != [((), "b"), ((), "i")]:
        fail(
            f"check(genome) must return (bool[], int[]), got {verdict}: return whether it is valid, and the index of "
            "a reason"
        )
    features = trace("features", "", generator.features, simplest)
    shape = (len(generator.feature_names),)
    check_array("features(genome)", features, shape, jnp.float32, "return one number for each of feature_names")


def _check_optional_traces(generator: Generator, genome_a: Genome, genome_b: Genome, spec: PyTree) -> None:
    if crossover := getattr(generator, "crossover", None):
        child = trace("crossover", "", crossover, jax.random.key(0), genome_a, genome_b)
        check_same_spec("crossover(key, a, b)", spec_of("crossover(key, a, b)", child), "simplest()", spec)
    if repair := getattr(generator, "repair", None):
        repaired = trace("repair", "", repair, genome_a)
        check_same_spec("repair(genome)", spec_of("repair(genome)", repaired), "simplest()", spec)


def _make_genomes(generator: Generator, simplest: Genome) -> Genome:
    """Checked genomes, stacked: `simplest`, then groups of samples, children of `simplest`, and late descendants."""

    @jax.jit
    def make(keys: jax.Array, simplest: Genome, strength: jax.Array) -> tuple:
        def mutate(genomes: Genome, key: jax.Array) -> tuple[Genome, None]:
            keys = jax.random.split(key, GROUP_SIZE)
            return jax.vmap(generator.mutate, (0, 0, None))(keys, genomes, strength), None

        copies = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (GROUP_SIZE, *leaf.shape)), simplest)
        samples = jax.vmap(generator.sample)(jax.random.split(keys[0], GROUP_SIZE))
        children, _ = mutate(copies, keys[1])
        descendants, _ = lax.scan(mutate, children, keys[2:])
        first = jax.tree.map(lambda leaf: leaf[:1], copies)
        genomes = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), first, samples, children, descendants)
        return genomes, jax.vmap(generator.check)(genomes), jax.vmap(generator.features)(genomes)

    inputs = (jax.random.split(jax.random.key(0), 2 + GENERATIONS), simplest, jnp.float32(1))
    genomes, (valid, reason), features = jax.device_get(make(*inputs))
    if not same_bits((genomes, valid, reason, features), make(*inputs)):
        fail(
            "expected equal genomes for the same keys, but two calls gave different ones: "
            "make sample, mutate, check and features pure functions"
        )
    samples, children = (jax.tree.map(lambda leaf, i=i: leaf[i : i + GROUP_SIZE], genomes) for i in (1, 1 + GROUP_SIZE))
    if all((leaf == leaf[:1]).all() for leaf in jax.tree.leaves(samples)):
        fail(
            f"sample must depend on its key, but it gave the same genome for {GROUP_SIZE} keys: "
            "draw the genome from the key"
        )
    if all((leaf == first).all() for leaf, first in zip(jax.tree.leaves(children), jax.tree.leaves(simplest))):
        fail(
            f"mutate must vary genomes, but at strength 1 it changed nothing in {GROUP_SIZE} children of simplest(): "
            "draw a change from the key"
        )
    _check_validity(generator, valid, reason)
    for name, (low, high), column in zip(generator.feature_names, generator.feature_bounds, features[valid].T):
        check_within(f"feature {name!r} of valid genomes", low, high, column)
    return genomes


def _check_validity(generator: Generator, valid: jax.Array, reason: jax.Array) -> None:
    require(
        bool(valid[0]),
        "simplest() must be valid, but it is not valid by `check`: a run starts from it, so return a valid genome",
    )
    if not ((reason >= 0) & (reason < len(generator.reasons))).all():
        fail(
            f"the second result of check must index the {len(generator.reasons)} reasons, got {reason.min()} to "
            f"{reason.max()}: return 0 for valid genomes, else the index of a reason"
        )
    require(
        bool(valid[1 : 1 + GROUP_SIZE].any()),
        f"some samples must be valid, but none of {GROUP_SIZE} samples is: sample within what `check` allows",
    )
    require(
        bool(valid[1 + GROUP_SIZE :].any()),
        f"some mutants must be valid, but none of {2 * GROUP_SIZE} mutants of simplest() is: "
        "mutate within what `check` allows",
    )


def _check_text(generator: Generator, genome: Genome) -> None:
    text = call("describe", "it must describe every genome", generator.describe, genome)
    if not isinstance(text, str) or not text.strip() or text != generator.describe(genome):
        fail(
            f"describe must return the same non-empty text at each call, got {text!r}: compute it from the genome only"
        )
    data = call("to_json", "it must write every genome", generator.to_json, genome)
    try:
        if json.loads(json.dumps(data, allow_nan=False)) != data:
            fail(
                f"to_json must return what JSON can store unchanged, got {data!r:.300}: "
                "use lists for tuples, and strings as keys"
            )
    except (TypeError, ValueError) as error:
        raise ContractError(
            f"to_json must return plain JSON values, got {data!r:.300} ({error}): use int, float, str, list and dict"
        ) from error
    if not isinstance(data, dict) or (data.get("id"), data.get("version")) != (generator.id, generator.version):
        fail(
            f'to_json must contain "id": {generator.id!r} and "version": {generator.version}, got {data!r:.300}: '
            "add both"
        )


def _check_foreign_json(generator: Generator, genome: Genome) -> None:
    data = generator.to_json(genome)
    expected = "from_json must raise ConfigError for another id or version"
    for changed in ({**data, "id": data["id"] + "?"}, {**data, "version": data["version"] + 1}):
        try:
            generator.from_json(changed)
        except ConfigError:
            continue
        except Exception as error:
            raise ContractError(f"{expected}, but it raised {error!r}: raise poet.errors.ConfigError") from error
        fail(f"{expected}, but it accepted {changed!r:.300}: compare both with the generator's")
