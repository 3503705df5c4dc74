"""MAP-Elites (Mouret and Clune 2015, arXiv 1504.04909) with any emitters, on one archive or on islands.

An iteration is many generations. Where the evaluation can be compiled, they are one call on a device, and islands run
on as many devices as there are: each is one program of one shape, so where it runs changes no bit. After an iteration
the archives of all islands are merged, and every island goes on from the whole.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from poet.archives.base import Archive
from poet.archives.layout import check_objectives, num_rows
from poet.archives.stats import summary
from poet.archives.table import columns
from poet.errors import ConfigError
from poet.executors.local import local_devices
from poet.search.base import Info, Search, Snapshot
from poet.search.map_elites.config import MapElitesConfig
from poet.search.map_elites.emitters import orphans
from poet.search.map_elites.generation import Island, Tally, generation
from poet.search.map_elites.scoring import Scores, Scoring, checked
from poet.types import Key, derive

START, EMIT, EVALUATE, TELL, AGAIN = range(5)  # first part of every key, one for each use of randomness


class State(NamedTuple):
    """A checkpoint is exactly this."""

    key: Key  # of the run; never advanced
    iteration: np.ndarray  # i64[], iterations done
    env_steps: np.ndarray  # i64[]
    evaluations: np.ndarray  # i64[]
    islands: tuple[Island, ...]  # between iterations their archives are equal


def map_elites(config: MapElitesConfig, archive: Archive, scoring: Scoring, devices: int | None = None) -> Search:
    """Fill an archive with solutions that are each the best of their kind.

    Args:
      config: how many solutions, and how they are made.
      archive: where they are kept; its payload is one solution f32[G].
      scoring: what evaluates them.
      devices: local devices to use; by default all.

    Raises `ConfigError` for more devices than there are, for islands of an archive with the soft rule, whose thresholds
    cannot be merged, and for an archive of other objectives than `scoring` gives; `ContractError` for a `scoring` that
    gives something else than it declares.
    """
    check_objectives(archive.spec, scoring.num_objectives)
    if config.islands > 1 and archive.spec.get("soft"):
        raise ConfigError(
            "islands cannot share the soft rule's thresholds: search.islands 1, or no archive.learning_rate"
        )
    scoring = checked(scoring, config.batch, len(archive.spec["bounds"]))
    parts = generation(config, archive, scoring.sample, scoring.num_params)
    where = local_devices(devices)
    run = _compiled(config, parts, scoring) if scoring.traced else _stepwise(config, parts, scoring)
    begin = jax.jit(parts.init)
    offer = jax.jit(parts.absorb)
    merge = jax.jit(lambda state, elites: archive.add(state, elites)[0], donate_argnums=0)
    elites_of = jax.jit(archive.elites)
    evaluate = jax.jit(scoring.evaluate) if scoring.traced else scoring.evaluate
    again = partial(_corrected, config, archive, scoring, evaluate, merge) if config.reevaluate else None
    pool = ThreadPoolExecutor(min(len(where), config.islands), "island")

    def init(key: Key) -> State:
        islands = tuple(begin(derive(key, START, number)) for number in range(config.islands))
        zero = np.array(0, np.int64)
        return State(key, zero, zero, zero, islands)

    def first(state: State) -> tuple[tuple[Island, ...], list[Tally], int]:
        """Solutions from the problem's prior, in blocks of a batch, offered to every island."""
        islands, tallies, steps = list(state.islands), [], 0
        for block in range(-(-config.initial // config.batch)):
            keys = jax.random.split(derive(state.key, START, config.islands + block), config.batch)
            offspring = orphans(jax.vmap(scoring.sample)(keys))
            scores = evaluate(derive(state.key, EVALUATE, 0, config.islands + block), offspring.params)
            at = np.array([0, block * config.batch], np.uint32)
            offers = [offer(state.key, island, at, offspring, scores.fitness, scores.descriptor) for island in islands]
            # The emitters did not make these, so they are not told.
            islands = [island._replace(archive=after.archive) for island, (after, _, _) in zip(islands, offers)]
            tallies.append(offers[0][1])
            steps += int(scores.steps)
        return tuple(islands), tallies, steps

    def step(state: State) -> tuple[State, Info]:
        began = time.perf_counter()
        iteration = int(state.iteration)
        islands, tallies, steps = first(state) if iteration == 0 else (state.islands, [], 0)

        def advance(number: int) -> tuple[Island, Tally, int]:
            island, key = jax.device_put((islands[number], state.key), where[number % len(where)])
            return jax.block_until_ready(run(key, island, iteration, number))

        done = list(pool.map(advance, range(config.islands)))
        tally = _total([*tallies, *(tally for _, tally, _ in done)])
        steps += sum(int(spent) for _, _, spent in done)
        state = State(
            state.key,
            np.array(iteration + 1, np.int64),
            np.array(state.env_steps + steps, np.int64),
            np.array(state.evaluations + config.batch * (len(tallies) + config.generations * config.islands), np.int64),
            _together([island for island, _, _ in done], merge, elites_of, where[0]),
        )
        elites = jax.tree.map(np.asarray, elites_of(state.islands[0].archive))
        row = _row(state, archive, scoring, elites, tally, parts.names)
        if again is not None:
            row |= again(derive(state.key, AGAIN, iteration), elites)
        wall = {"step_s": time.perf_counter() - began}
        return state, Info((row,), {}, wall, lambda: _snapshot(state, archive, scoring, elites))

    return Search(init, step)


def _compiled(config: MapElitesConfig, parts: Any, scoring: Scoring) -> Callable:
    """(key, island, iteration, number) -> (island, tally, steps): all generations of an iteration in one program."""

    @partial(jax.jit, donate_argnums=1)
    def program(key: Key, island: Island, iteration: Array, number: Array) -> tuple[Island, Tally, Array]:
        def body(island: Island, turn: Array) -> tuple[Island, tuple[Tally, Array]]:
            island, tally, steps = _generation(config, parts, scoring.evaluate, key, island, turn, number)
            return island, (tally, jnp.asarray(steps, jnp.int32))

        turns = iteration * config.generations + jnp.arange(config.generations)
        island, (tallies, steps) = lax.scan(body, island, turns)
        return island, jax.tree.map(lambda leaf: leaf.sum(0), tallies), steps.sum()

    return lambda key, island, iteration, number: program(key, island, np.int32(iteration), np.int32(number))


def _stepwise(config: MapElitesConfig, parts: Any, scoring: Scoring) -> Callable:
    """The same for an evaluation that runs on the host or by an executor: two compiled halves around it."""
    compiled = parts._replace(emit=jax.jit(parts.emit), absorb=jax.jit(parts.absorb))

    def run(key: Key, island: Island, iteration: int, number: int) -> tuple[Island, Tally, int]:
        tallies, steps = [], 0
        for turn in range(iteration * config.generations, (iteration + 1) * config.generations):
            island, tally, spent = _generation(config, compiled, scoring.evaluate, key, island, turn, number)
            tallies.append(tally)
            steps += int(spent)
        return island, _total(tallies), steps

    return run


def _generation(config, parts, evaluate, key, island, turn, number) -> tuple[Island, Tally, Any]:
    island, offspring = parts.emit(derive(key, EMIT, turn, number), island)
    scores: Scores = evaluate(derive(key, EVALUATE, turn, number), offspring.params)
    # Iteration 0 is what came from the prior, and islands number their offspring one after the other.
    at = jnp.stack([jnp.uint32(turn + 1), jnp.uint32(number * config.batch)])
    island, tally, _ = parts.absorb(
        derive(key, TELL, turn, number), island, at, offspring, scores.fitness, scores.descriptor
    )
    return island, tally, scores.steps


def _together(islands: list[Island], merge: Callable, elites_of: Callable, device: Any) -> tuple[Island, ...]:
    """Islands with the archive of all of them."""
    if len(islands) == 1:
        return tuple(islands)
    islands = [jax.device_put(island, device) for island in islands]
    whole = jax.tree.map(jnp.copy, islands[0].archive)
    for island in islands[1:]:
        whole = merge(whole, elites_of(island.archive))
    return tuple(island._replace(archive=jax.tree.map(jnp.copy, whole)) for island in islands)


def _total(tallies: list[Tally]) -> Tally:
    return jax.tree.map(lambda *leaves: np.sum([np.asarray(leaf, np.int64) for leaf in leaves], axis=0), *tallies)


def _row(state: State, archive: Archive, scoring: Scoring, elites: Any, tally: Tally, names: tuple) -> dict[str, Any]:
    whole = summary(archive.spec, elites, scoring.offset)
    return {
        "event": "iteration",
        "iteration": int(state.iteration) - 1,
        "env_steps": int(state.env_steps),
        "evaluations": int(state.evaluations),
        **{name: float(getattr(whole, name)) for name in ("coverage", "qd_score", "best", "mean")},
        **{name: int(count) for name, count in tally.counts._asdict().items() if name != "seen"},
        "emitters": {
            name: {part: int(count[k]) for part, count in tally.sources._asdict().items()}
            for k, name in enumerate(names)
        },
    }


def _corrected(config, archive, scoring, evaluate, merge, key, elites) -> dict[str, float]:
    """What an archive would be whose elites are as good, and where, as they are on average over fresh evaluations."""
    batch, rows = config.batch, len(elites.fitness)
    padded = jax.tree.map(lambda leaf: np.resize(leaf, (batch * -(-rows // batch), *leaf.shape[1:])), elites)
    fitness, descriptor = [], []
    for block in range(0, len(padded.fitness), batch):
        again = [
            evaluate(derive(key, block, episode), jnp.asarray(padded.payload[block : block + batch]))
            for episode in range(config.reevaluate)
        ]
        fitness.append(np.mean([scores.fitness for scores in again], axis=0, dtype=np.float32))
        descriptor.append(np.mean([scores.descriptor for scores in again], axis=0, dtype=np.float32))
    moved = elites._replace(fitness=np.concatenate(fitness)[:rows], descriptor=np.concatenate(descriptor)[:rows])
    empty = archive.init(jax.ShapeDtypeStruct((scoring.num_params,), jnp.float32))
    found = summary(archive.spec, jax.tree.map(np.asarray, archive.elites(merge(empty, moved))), scoring.offset)
    return {"corrected_coverage": float(found.coverage), "corrected_qd_score": float(found.qd_score)}


def _snapshot(state: State, archive: Archive, scoring: Scoring, elites: Any) -> Snapshot:
    table = columns(archive.spec, elites)
    meta = {
        "spec": dict(archive.spec),
        "iteration": int(state.iteration),
        "evaluations": int(state.evaluations),
        "payload": {"params": {"shape": [scoring.num_params], "dtype": "float32"}},
        "rows": num_rows(archive.spec),
        **scoring.meta,
    }
    return Snapshot(meta, table)
