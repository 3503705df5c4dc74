"""MAP-Elites (Mouret and Clune 2015, arXiv 1504.04909) with any emitters, on one archive or on islands.

An iteration is many generations. Where the evaluation is jittable, they are one compiled call on one device, and
islands run on as many devices as there are: each is one program of one shape, so the device changes no bit. After each
iteration the archives of all islands are merged, and every island continues with the merged archive.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from poet.archives.base import Archive, Entries, examples_of
from poet.archives.layout import check_objectives, num_rows
from poet.archives.select import merge_counters
from poet.archives.stats import summary
from poet.errors import ConfigError, unknown
from poet.executors.base import Executor
from poet.executors.config import LocalExecutorConfig
from poet.jax_settings import pinned
from poet.memory import require_memory
from poet.search.base import Info, Search
from poet.search.elites import elites_record
from poet.search.keys import MapElitesPhase
from poet.search.map_elites.base import bounds_of, initial_offspring
from poet.search.map_elites.config import MapElitesConfig
from poet.search.map_elites.generation import (
    AddAndUpdate,
    Generation,
    InitIsland,
    Island,
    OffspringCounts,
    generation,
    select_parents,
)
from poet.search.map_elites.scoring import Evaluate, Scores, ScoringFn, check_scoring
from poet.search.stall import stall
from poet.typed_config import check_value
from poet.types import Key, Params, PyTree, derive_key

HEADLINE = ("coverage", "qd_score", "best")


class MapElitesState(NamedTuple):
    """A checkpoint is exactly this."""

    key: Key  # of the run; never advanced
    iteration: np.ndarray  # i64[], iterations done
    env_steps: np.ndarray  # i64[]
    evaluations: np.ndarray  # i64[]
    islands: tuple[Island, ...]  # between iterations their archives are equal


class RunIteration(Protocol):
    """All generations of one iteration on one island."""

    def __call__(
        self, key: Key, island: Island, iteration: Array, index: Array, /
    ) -> tuple[Island, OffspringCounts, Any]:
        """The island after, what became of the offspring, and the environment steps."""
        ...


@pinned()
def map_elites(
    config: MapElitesConfig, archive: Archive, scoring: ScoringFn, executor: Executor | None = None
) -> Search[MapElitesState]:
    """Fill an archive with solutions, each the best of its cell.

    Args:
      config: number of solutions, and the emitters that make them.
      archive: where solutions are kept; its payload is one solution f32[G], a tree as one vector.
      scoring: what evaluates them.
      executor: where islands run; by default on all local devices.

    `Search.close` closes executor and scoring too. Raises `ConfigError` for several islands with an archive that has
    thresholds, which cannot be merged, for an archive of another number of objectives than the scoring, and for bounds,
    extra fields or a selection that do not suit the solutions; `ContractError` for a scoring whose output is not what
    it declares.

    >>> from poet.archives.config import GridConfig
    >>> from poet.envs.functions.config import SphereConfig
    >>> from poet.search.map_elites.scoring import problem_scoring
    >>> problem = SphereConfig(num_params=4).make()
    >>> archive = GridConfig(shape=(4,)).make(problem.descriptor_bounds)
    >>> config = MapElitesConfig(batch=16, generations=5, initial=16)
    >>> search = map_elites(config, archive, problem_scoring(problem))
    >>> state, info = search.step(search.init(jax.random.key(0)))
    >>> info.metrics["evaluations"]
    96
    >>> sorted(info.snapshots["elites"]().arrays)
    ['cell', 'descriptor', 'emitter', 'fitness', 'id', 'params', 'parents']
    >>> search.close()
    """
    check_value("config", MapElitesConfig, config)
    check_value("archive", Archive, archive)
    check_value("scoring", ScoringFn, scoring)
    check_value("executor", Executor | None, executor)
    check_objectives(archive.spec, scoring.num_objectives)
    rows, size = num_rows(archive.spec), scoring.num_params
    # Of the archive there is a copy while islands are merged, of the batch one in each step of a generation.
    require_memory(
        4 * size * (rows * (config.islands + 1) + 2 * config.batch * config.islands),
        f"an archive of {rows} elites of {size} numbers with search.islands {config.islands} and search.batch "
        f"{config.batch}",
    )
    if config.islands > 1 and archive.spec.get("thresholds"):
        raise ConfigError(
            "islands cannot merge the thresholds of an archive: take search.islands 1, or no archive.learning_rate"
        )
    scoring, form = check_scoring(scoring, config.batch, len(archive.spec["bounds"]))
    if config.bounds is not None:
        scoring = scoring._replace(sample=_clipped(scoring.sample, bounds_of(config.bounds, size)))
    for name in config.extra:
        if name not in scoring.extra:
            raise unknown("search.extra", name, scoring.extra)
    archive = select_parents(config, archive, size, scoring.extra)
    functions = generation(config, archive, scoring.sample, size, scoring.extra)
    programs = _compile(config, archive, scoring, functions)
    executor = executor or LocalExecutorConfig().make(None)

    @pinned()
    def init(key: Key) -> MapElitesState:
        islands = tuple(
            programs.init_island(derive_key(key, MapElitesPhase.START, niche=index)) for index in range(config.islands)
        )
        zero = np.array(0, np.int64)
        return MapElitesState(key, zero, zero, zero, islands)

    @pinned()
    def step(state: MapElitesState) -> tuple[MapElitesState, Info]:
        start = time.perf_counter()
        iteration = int(state.iteration)
        islands, counts, steps = state.islands, [], 0
        if iteration == 0:
            islands, counts, steps = _add_initial(config, scoring, programs, state)

        before = programs.counted_of(islands[0].archive)
        work = [(state.key, island, np.int32(iteration), np.int32(index)) for index, island in enumerate(islands)]
        results = executor.map(programs.run_iteration, work)
        steps += sum(int(island_steps) for _, _, island_steps in results)
        num_batches = len(counts) + config.generations * config.islands
        state = MapElitesState(
            state.key,
            np.array(iteration + 1, np.int64),
            np.array(state.env_steps + steps, np.int64),
            np.array(state.evaluations + config.batch * num_batches, np.int64),
            _merge_islands(programs, before, [island for island, _, _ in results]),
        )
        elites = jax.tree.map(np.asarray, programs.elites_of(state.islands[0].archive))
        total = _sum_counts([*counts, *(island_counts for _, island_counts, _ in results)])
        metrics = _metrics(state, archive, scoring, elites, total, functions.names)
        if config.reevaluate:
            metrics |= _reevaluate(config, archive, scoring, programs, state.key, iteration, elites)
        snapshot = partial(
            elites_record,
            archive,
            elites._replace(payload=form.unravel(elites.payload)),
            iteration=int(state.iteration),
            evaluations=int(state.evaluations),
            qd_offset=scoring.qd_offset,
            **scoring.meta,
        )
        events = () if elites.valid.any() else tuple(_describe_empty_archive(iteration, metrics))
        timings = {"step_s": time.perf_counter() - start}
        return state, Info(events, metrics, snapshots={"elites": snapshot}, timings=timings)

    def close() -> None:
        executor.close()
        scoring.close()

    return Search(init, step, close, HEADLINE)


class _Programs(NamedTuple):
    """The compiled functions of a search; `evaluate` and `run_iteration` only where the scoring is jittable."""

    init_island: InitIsland
    add_and_update: AddAndUpdate
    add_elites: Callable[[PyTree, Entries], PyTree]  # reuses the memory of the archive state that it is given
    elites_of: Callable[[PyTree], Entries]
    counted_of: Callable[[PyTree], Entries | None]  # what counters of islands are merged from; None if they have none
    merge_counters: Callable[[Entries, Sequence[PyTree], PyTree], PyTree]
    evaluate: Evaluate
    run_iteration: RunIteration


def _compile(config: MapElitesConfig, archive: Archive, scoring: ScoringFn, functions: Generation) -> _Programs:
    make_iteration = _compiled_iteration if scoring.jittable else _host_iteration
    counts = bool(config.selection.make().counters)

    def counted_of(state: PyTree) -> Entries:
        return archive.elites(state)._replace(payload=())

    def merge(before: Entries, islands: Sequence[PyTree], merged: PyTree) -> PyTree:
        extra = merge_counters(before, [archive.elites(state) for state in islands], archive.elites(merged))
        return archive.with_extra(merged, extra)  # pyright: ignore[reportOptionalCall]

    return _Programs(
        jax.jit(functions.init),
        jax.jit(functions.add_and_update),
        jax.jit(lambda state, elites: archive.add(state, elites)[0], donate_argnums=0),
        jax.jit(archive.elites),
        jax.jit(counted_of) if counts and config.islands > 1 else lambda state: None,
        jax.jit(merge),
        jax.jit(scoring.evaluate) if scoring.jittable else scoring.evaluate,
        make_iteration(config, functions, scoring.evaluate),
    )


def _clipped(sample: Callable[[Key], Params], bounds: Any) -> Callable[[Key], Params]:
    return lambda key: jnp.clip(sample(key), *bounds)


def _add_initial(
    config: MapElitesConfig, scoring: ScoringFn, programs: _Programs, state: MapElitesState
) -> tuple[tuple[Island, ...], list[OffspringCounts], int]:
    """Add solutions from the prior, in blocks of a batch, to the archive of every island."""
    islands, counts, steps = list(state.islands), [], 0
    for block in range(-(-config.initial // config.batch)):
        numbers = block * config.batch + jnp.arange(config.batch)
        keys = jax.vmap(lambda number: derive_key(state.key, MapElitesPhase.PRIOR, episode=number))(numbers)
        offspring = initial_offspring(jax.vmap(scoring.sample)(keys))
        key = derive_key(state.key, MapElitesPhase.PRIOR_EVALUATE, source=block)
        scores = programs.evaluate(key, offspring.params)
        first_id = np.array([0, block * config.batch], np.uint32)
        added = [
            programs.add_and_update(state.key, island, first_id, offspring, *scores[:2], scores.extra)
            for island in islands
        ]
        # The emitters did not make these solutions, so their states stay as they are.
        islands = [island._replace(archive=after.archive) for island, (after, _, _) in zip(islands, added)]
        counts.append(added[0][1])
        steps += int(scores.steps)
    return tuple(islands), counts, steps


def _compiled_iteration(config: MapElitesConfig, functions: Generation, evaluate: Evaluate) -> RunIteration:
    """All generations of an iteration in one program."""

    @partial(jax.jit, donate_argnums=1)
    def run_generations(
        key: Key, island: Island, iteration: Array, index: Array
    ) -> tuple[Island, OffspringCounts, Array]:
        def body(island: Island, generation: tuple[Array, list[Key]]) -> tuple[Island, tuple[OffspringCounts, Array]]:
            number, keys = generation
            island, counts, steps = _run_generation(config, functions, evaluate, keys, island, number, index)
            return island, (counts, jnp.asarray(steps, jnp.int32))

        numbers = iteration * config.generations + jnp.arange(config.generations)
        # Of all generations at once: XLA on CPUs takes microseconds for one key as for many.
        keys = jax.vmap(lambda number: _keys_of(key, number, index))(numbers)
        island, (counts, steps) = lax.scan(body, island, (numbers, keys))
        return island, jax.tree.map(lambda leaf: leaf.sum(0), counts), steps.sum()

    return run_generations


def _host_iteration(config: MapElitesConfig, functions: Generation, evaluate: Evaluate) -> RunIteration:
    """The same for an evaluation that runs on the host or by an executor: two compiled halves around it."""
    compiled = functions._replace(emit=jax.jit(functions.emit), add_and_update=jax.jit(functions.add_and_update))

    def run(key: Key, island: Island, iteration: Array, index: Array) -> tuple[Island, OffspringCounts, int]:
        all_counts, all_steps, first = [], 0, int(iteration) * config.generations
        for number in range(first, first + config.generations):
            keys = _keys_of(key, number, index)
            island, counts, steps = _run_generation(config, compiled, evaluate, keys, island, number, index)
            all_counts.append(counts)
            all_steps += int(steps)
        return island, _sum_counts(all_counts), all_steps

    return run


def _keys_of(key: Key, number: Any, index: Any) -> list[Key]:
    """The keys of generation `number` on the island of that index: to emit, to evaluate, to tell."""
    phases = (MapElitesPhase.EMIT, MapElitesPhase.EVALUATE, MapElitesPhase.TELL)
    return [derive_key(key, phase, number, index) for phase in phases]


def _run_generation(
    config: MapElitesConfig,
    functions: Generation,
    evaluate: Evaluate,
    keys: Sequence[Key],
    island: Island,
    number: Any,
    index: Any,
) -> tuple[Island, OffspringCounts, Any]:
    """Generation `number` of the run, on the island of that index."""
    emit_key, evaluate_key, tell_key = keys
    island, offspring = functions.emit(emit_key, island)
    scores: Scores = evaluate(evaluate_key, offspring.params)
    # Ids (0, ...) are the solutions from the prior; the islands number their offspring one after the other.
    first_id = jnp.stack([jnp.uint32(number + 1), jnp.uint32(index * config.batch)])
    island, counts, _ = functions.add_and_update(
        tell_key,
        island,
        first_id,
        offspring,
        scores.fitness,
        scores.descriptor,
        scores.extra,
    )
    return island, counts, scores.steps


def _merge_islands(programs: _Programs, before: Entries | None, islands: list[Island]) -> tuple[Island, ...]:
    """The islands, each with a copy of the archive of all of them."""
    if len(islands) == 1:
        return tuple(islands)
    device = jax.local_devices()[0]
    islands = [jax.device_put(island, device) for island in islands]
    merged = jax.tree.map(jnp.copy, islands[0].archive)
    for island in islands[1:]:
        merged = programs.add_elites(merged, programs.elites_of(island.archive))
    if before is not None:
        merged = programs.merge_counters(jax.device_put(before, device), [each.archive for each in islands], merged)
    return tuple(island._replace(archive=jax.tree.map(jnp.copy, merged)) for island in islands)


def _sum_counts(counts: list[OffspringCounts]) -> OffspringCounts:
    return jax.tree.map(lambda *leaves: np.sum([np.asarray(leaf, np.int64) for leaf in leaves], axis=0), *counts)


def _metrics(
    state: MapElitesState,
    archive: Archive,
    scoring: ScoringFn,
    elites: Entries,
    counts: OffspringCounts,
    names: tuple[str, ...],
) -> dict[str, Any]:
    quality = summary(archive.spec, elites, scoring.qd_offset)
    return {
        "env_steps": int(state.env_steps),
        "evaluations": int(state.evaluations),
        **{name: float(getattr(quality, name)) for name in ("coverage", "qd_score", "best", "mean")},
        **{name: int(count) for name, count in counts.archive._asdict().items() if name != "seen"},
        "emitters": {
            name: {field: int(values[k]) for field, values in counts.emitters._asdict().items()}
            for k, name in enumerate(names)
        },
    }


# What to change where solutions do not enter an empty archive.
EMPTY_ARCHIVE_ADVICE = {
    "not_finite": "Check the evaluation for scores that are NaN or infinite",
    "out_of_bounds": "Widen the bounds of the descriptor, or set archive.out_of_bounds to clip",
    "rejected": "Lower archive.threshold_min",
}


def _describe_empty_archive(iteration: int, metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    causes = [name for name in ("not_finite", "out_of_bounds", "rejected") if metrics[name]]
    counted = ", ".join(f"{metrics[name]} {name.replace('_', ' ')}" for name in causes)
    advice = ". ".join(EMPTY_ARCHIVE_ADVICE[name] for name in causes)
    return stall(iteration, iteration + 1, f"the archive is empty; solutions of this iteration: {counted}. {advice}")


def _reevaluate(
    config: MapElitesConfig,
    archive: Archive,
    scoring: ScoringFn,
    programs: _Programs,
    key: Key,
    iteration: int,
    elites: Entries,
) -> dict[str, float]:
    """Scores of an archive whose elites have their mean fitness and mean descriptor over new evaluations."""
    batch, num_rows = config.batch, len(elites.fitness)
    num_blocks = -(-num_rows // batch)
    padded = np.resize(elites.payload, (num_blocks, batch, *elites.payload.shape[1:]))
    fitness, descriptor = [], []
    for block, params in enumerate(map(jnp.asarray, padded)):
        keys = [
            derive_key(key, MapElitesPhase.REEVALUATE, iteration, source=block, episode=repeat)
            for repeat in range(config.reevaluate)
        ]
        scores = [programs.evaluate(each, params) for each in keys]
        fitness.append(np.mean([each.fitness for each in scores], axis=0, dtype=np.float32))
        descriptor.append(np.mean([each.descriptor for each in scores], axis=0, dtype=np.float32))
    means = elites._replace(
        fitness=np.concatenate(fitness)[:num_rows], descriptor=np.concatenate(descriptor)[:num_rows]
    )
    empty = archive.init(*examples_of((elites.payload, elites.extra)))
    corrected = jax.tree.map(np.asarray, archive.elites(programs.add_elites(empty, means)))
    quality = summary(archive.spec, corrected, scoring.qd_offset)
    return {"corrected_coverage": float(quality.coverage), "corrected_qd_score": float(quality.qd_score)}
