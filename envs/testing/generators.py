"""Does a generator keep the contract of `poet.envs.base.Generator`?"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from poet.envs.base import Generator
from poet.envs.host import is_host
from poet.envs.returns import return_scale
from poet.envs.testing.common import (
    Progress,
    Report,
    call,
    check_array,
    check_coordinates,
    check_count,
    check_hashable,
    check_members,
    check_names,
    check_same_spec,
    check_within,
    example_key,
    fail,
    optional_method,
    print_to_stderr,
    random_key_data,
    require,
    same_bits,
    spec_of,
    trace,
)
from poet.envs.testing.environments import play_environment
from poet.envs.testing.pictures import check_pictures
from poet.envs.testing.returns import check_returns
from poet.envs.testing.simulators import Played, play_host_environment
from poet.envs.testing.texts import check_foreign_json, check_texts
from poet.jax_settings import pinned
from poet.types import Genome, PyTree

GROUP_SIZE = 64  # genomes in each of the three groups of `_genome_program`
GENERATIONS = 9  # of mutation behind the last group
NUM_LEVELS = 13  # valid genomes whose texts and levels are checked
MEMBERS = (
    *("id", "version", "environment", "reasons", "feature_names", "feature_bounds", "deterministic"),
    *("return_range", "solved_return"),
    *("sample", "mutate", "check", "features", "simplest", "describe", "to_json", "from_json"),
)


@pinned()
def check_generator(generator: Generator, report: Report = print_to_stderr) -> None:
    """Check a generator, and its environment on the levels of genomes that it makes.

    Takes the time to compile 128 episodes and to run them twice. `report` gets a line for each group of checks, with
    the seconds since the start. Raises `ContractError` with what was expected, what was found, and what to do.
    """
    progress = Progress(generator, report)
    progress("generator: declarations, shapes and dtypes")
    _check_declarations(generator)
    simplest = _make_simplest(generator)
    spec = spec_of("simplest()", simplest)
    _check_traces(generator, simplest, spec)

    progress("generator: samples and mutants, after compiling")
    genomes = _check_genomes(generator, simplest)

    progress("generator: descriptions and JSON")
    for genome in genomes:
        check_texts(generator, genome, spec)
    check_foreign_json(generator, genomes[0])

    environment = generator.environment
    if is_host(environment):
        kinds, episodes = play_host_environment(environment, genomes, generator.deterministic, progress)
        returns, success = (np.array([value(each) for each in episodes]) for value in (_return_of, _success_of))
        record = None
    else:
        player, results = play_environment(environment, genomes, generator.deterministic, progress)
        kinds, returns, success = player.kinds, np.asarray(results.lane.total), np.asarray(results.success)
        record = functools.partial(player.record, int(results.lane.length[0]))

    progress("generator: returns")
    check_returns(return_scale(generator), kinds, returns, success, len(genomes))

    progress("generator: pictures")
    check_pictures(generator, genomes, record)
    progress("no error found")


def _return_of(episode: Played) -> float:
    return float(episode.rewards.sum())


def _success_of(episode: Played) -> float:
    return episode.success


def _check_declarations(generator: Generator) -> None:
    check_members("generator", generator, MEMBERS)
    require(
        isinstance(generator.id, str) and generator.id != "",
        f"id must be a non-empty string, got {generator.id!r}: use the id of the generator's config",
    )
    check_count("version", generator.version, "start with 1")
    check_names("reasons", generator.reasons)
    check_coordinates("feature", generator.feature_names, generator.feature_bounds)
    require(
        isinstance(generator.deterministic, bool),
        f"deterministic must be a bool, got {generator.deterministic!r}: declare True or False",
    )
    return_scale(generator)
    check_hashable("environment", generator.environment)
    if generator.environment != generator.environment or hash(generator.environment) != hash(generator.environment):
        fail(
            "environment must be equal at each access, but two accesses gave different ones: "
            "make it a frozen dataclass, or store one object"
        )


def _make_simplest(generator: Generator) -> Genome:
    """`simplest()` with NumPy leaves."""
    advice = "it must run on the host without arguments"
    first, second = (call("simplest", advice, generator.simplest) for _ in range(2))
    spec_of("simplest()", first)
    if jax.tree.structure(first) != jax.tree.structure(second) or not same_bits(first, second):
        fail(f"simplest() must be the same genome at each call, got {first} and {second}: return a constant genome")
    return jax.device_get(first)


def _check_traces(generator: Generator, simplest: Genome, spec: PyTree) -> None:
    def check_genome(name: str, genome: Genome) -> None:
        check_same_spec(name, spec_of(name, genome), "simplest()", spec)

    key = example_key()
    check_genome("sample(key)", trace("sample", "", generator.sample, key))
    strength = jax.ShapeDtypeStruct((), jnp.float32)
    advice = "`strength` is traced: use it in jnp arithmetic, never in a Python `if`, `float` or `int`"
    check_genome("mutate(key, genome, strength)", trace("mutate", advice, generator.mutate, key, simplest, strength))
    verdict = trace("check", "", generator.check, simplest)
    kinds = [(leaf.shape, leaf.dtype.kind) for leaf in jax.tree.leaves(verdict)]
    if not isinstance(verdict, tuple) or kinds != [((), "b"), ((), "i")]:
        fail(
            f"check(genome) must return (bool[], int[]), got {verdict}: return whether it is valid, and the index of "
            "a reason"
        )
    features = trace("features", "", generator.features, simplest)
    shape = (len(generator.feature_names),)
    check_array("features(genome)", features, shape, jnp.float32, "return one number for each of feature_names")
    if crossover := optional_method(generator, "crossover"):
        check_genome("crossover(key, a, b)", trace("crossover", "", crossover, key, simplest, simplest))
    if repair := optional_method(generator, "repair"):
        check_genome("repair(genome)", trace("repair", "", repair, simplest))


class _Checked(NamedTuple):
    """Genomes with what their generator says of them; the first axis is that of the genomes."""

    genome: Genome
    valid: Any
    reason: Any
    features: Any


def _check_genomes(generator: Generator, simplest: Genome) -> list[Genome]:
    """Check what makes genomes and judges them; returns `simplest` and some valid genomes."""
    make = jax.jit(_genome_program(generator))
    strength = np.float32(1)  # as an argument, since searches may trace it
    arguments = random_key_data(0, GROUP_SIZE), random_key_data(1, GENERATIONS, GROUP_SIZE), simplest, strength
    advice = "sample, mutate, check and features must run under jax.vmap and jax.jit"
    made, repaired = jax.device_get(call("a batch of genomes", advice, make, *arguments))
    if not same_bits((made, repaired), make(*arguments)):
        fail(
            "expected equal genomes for the same keys, but two calls gave different ones: "
            "make sample, mutate, check and features pure functions"
        )
    samples, children, descendants = (
        jax.tree.map(lambda leaf, i=i: leaf[i : i + GROUP_SIZE], made) for i in range(1, 3 * GROUP_SIZE, GROUP_SIZE)
    )
    _check_judgement(generator, made)
    _check_samples(samples)
    _check_mutants(simplest, children, descendants)
    if not repaired.all():
        fail(
            f"repair(genome) must be valid, but {(~repaired).sum()} of {len(repaired)} repaired genomes are not valid "
            "by `check`: move every part of the genome to its nearest valid value"
        )
    valid = np.flatnonzero(made.valid)
    chosen = np.unique(valid[np.linspace(0, len(valid) - 1, NUM_LEVELS).astype(int)])
    return [jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf[i]), made.genome) for i in chosen]


def _genome_program(generator: Generator) -> Callable[..., tuple[_Checked, jax.Array]]:
    """`simplest`, groups of samples, children of `simplest` and late descendants; and which are valid when repaired."""

    def make(sample_keys: jax.Array, keys: jax.Array, simplest: Genome, strength: jax.Array) -> tuple:
        def mutate(genomes: Genome, keys: jax.Array) -> tuple[Genome, Genome]:
            children = jax.vmap(generator.mutate, (0, 0, None))(jax.random.wrap_key_data(keys), genomes, strength)
            return children, children

        copies = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (GROUP_SIZE, *leaf.shape)), simplest)
        samples = jax.vmap(generator.sample)(jax.random.wrap_key_data(sample_keys))
        descendants, generations = lax.scan(mutate, copies, keys)
        groups = jax.tree.map(lambda leaf: leaf[:1], copies), samples, jax.tree.map(lambda x: x[0], generations)
        genomes = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *groups, descendants)
        checked = _Checked(genomes, *jax.vmap(generator.check)(genomes), jax.vmap(generator.features)(genomes))
        if repair := optional_method(generator, "repair"):
            far = jax.tree.map(lambda leaf: jnp.concatenate([leaf, (10 * leaf - 5).astype(leaf.dtype)]), genomes)
            return checked, jax.vmap(generator.check)(jax.vmap(repair)(far))[0]
        return checked, checked.valid[:1]

    return make


def _check_judgement(generator: Generator, made: _Checked) -> None:
    """Results of `check` and `features`."""
    valid, reason, num = made.valid, made.reason, len(generator.reasons)
    require(
        bool(valid[0]),
        "simplest() must be valid, but it is not valid by `check`: a run starts from it, so return a valid genome",
    )
    if not ((reason >= 0) & (reason < num)).all():
        fail(
            f"the second result of check must index the {num} reasons, got {reason.min()} to {reason.max()}: "
            "return 0 for valid genomes, else the index of a reason"
        )
    if (valid != (reason == 0)).any():
        fail(
            "the second result of check must be 0 for valid genomes and no others, but a genome is "
            + ("valid with another index: " if (valid & (reason != 0)).any() else "invalid with index 0: ")
            + "the first of `reasons` means valid, the others say why a genome is invalid"
        )
    for name, (low, high), column in zip(generator.feature_names, generator.feature_bounds, made.features[valid].T):
        check_within(f"feature {name!r} of valid genomes", low, high, column)


def _check_samples(samples: _Checked) -> None:
    if not _differ(samples.genome, jax.tree.map(lambda leaf: leaf[0], samples.genome)).any():
        fail(
            f"sample must depend on its key, but it gave the same genome for {GROUP_SIZE} keys: "
            "draw the genome from the key"
        )
    require(
        bool(samples.valid.any()),
        f"some samples must be valid, but none of {GROUP_SIZE} samples is: sample within what `check` allows",
    )


def _check_mutants(simplest: Genome, children: _Checked, descendants: _Checked) -> None:
    changed = _differ(children.genome, simplest)
    if not changed.any():
        fail(
            f"mutate must vary genomes, but at strength 1 it changed nothing in {GROUP_SIZE} children of simplest(): "
            "draw a change from the key"
        )
    require(
        bool((children.valid & changed).any()),
        f"some mutants must be valid and differ from their parent, but none of {GROUP_SIZE} children of simplest() "
        "does: mutate within what `check` allows",
    )
    if not _differ(descendants.genome, jax.tree.map(lambda leaf: leaf[0], descendants.genome)).any():
        fail(
            f"mutate must depend on its key, but {GENERATIONS} mutations with {GROUP_SIZE} different keys gave equal "
            "genomes: draw the change from the key"
        )


def _differ(genomes: Genome, genome: Genome) -> np.ndarray:
    """bool[B], which of B genomes differ from a genome."""
    differences = jax.tree.map(lambda leaf, one: (leaf != one).reshape(len(leaf), -1).any(1), genomes, genome)
    return np.any(jax.tree.leaves(differences), axis=0)
