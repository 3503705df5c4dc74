"""One generation in two pure halves, so that any evaluation fits between: emit, and add to the archive and tell."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

from poet.archives.base import AddInfo, Archive, Counts, entries
from poet.archives.layout import total
from poet.archives.select import with_selection
from poet.archives.stats import EmitterCounts, batch_counts_by_emitter
from poet.errors import ConfigError, ContractError
from poet.search.map_elites.bandit import bandit
from poet.search.map_elites.base import Emitter, EmitterContext, Offspring, bounds_of, select_rows
from poet.search.map_elites.config import EmitterConfig, MapElitesConfig
from poet.types import Key, Params, PyTree

Id: TypeAlias = UInt32[Array, "2"] | UInt32[np.ndarray, "2"]  # (generation, number in it)


class Island(NamedTuple):
    """The states of one archive and of the emitters that fill it."""

    archive: PyTree
    emitters: tuple[PyTree, ...]


class OffspringCounts(NamedTuple):
    """What became of offspring: the archive's counts, and the same by emitter."""

    archive: Counts
    emitters: EmitterCounts


class InitIsland(Protocol):
    """The island before the first generation."""

    def __call__(self, key: Key, /) -> Island:
        """An empty archive, and the emitters' first states."""
        ...


class EmitOffspring(Protocol):
    """The first half of a generation."""

    def __call__(self, key: Key, island: Island, /) -> tuple[Island, Offspring]:
        """The island after, and the offspring of all emitters; `Offspring.emitter` is an index into the names."""
        ...


class AddAndUpdate(Protocol):
    """The second half of a generation."""

    def __call__(
        self,
        key: Key,
        island: Island,
        first_id: Id,
        offspring: Offspring,
        fitness: Float[Array, "B"] | Float[Array, "B M"],
        descriptor: Float[Array, "B D"],
        extra: Mapping[str, Array] = {},
        /,
    ) -> tuple[Island, OffspringCounts, AddInfo]:
        """Add evaluated offspring to the archive and update the emitters.

        `first_id` is the id of the first of them: (generation, number in it), and the number counts up from there.
        """
        ...


class Generation(NamedTuple):
    """Pure functions on one island.

    Attributes:
      names: names of the K emitters.
      init: key -> Island.
      emit: (key, island) -> (island, Offspring).
      add_and_update: (key, island, first id u32[2], offspring, fitness, descriptor, extra fields) ->
        (island, OffspringCounts, AddInfo).
    """

    names: tuple[str, ...]
    init: InitIsland
    emit: EmitOffspring
    add_and_update: AddAndUpdate


def generation(
    config: MapElitesConfig,
    archive: Archive,
    sample: Callable[[Key], Params],
    num_params: int,
    extra: Mapping[str, Any] = {},
) -> Generation:
    """The generation of a config: its emitters, where equal ones are made as one.

    Args:
      config: emitters and batch.
      archive: where solutions are kept; elites are drawn from it as it does.
      sample: key -> f32[G], a solution from the prior.
      num_params: G.
      extra: examples of the extra fields of a solution.

    Raises `ContractError` for an emitter whose batch has another size than it was made for, `ConfigError` for bounds of
    another number of parameters.

    >>> from poet.archives.config import GridConfig
    >>> archive = GridConfig(shape=(4,)).make([(0.0, 1.0)])
    >>> functions = generation(MapElitesConfig(batch=8), archive, lambda key: jnp.zeros(3), 3)
    >>> @jax.jit
    ... def run_generation(key, island, first_id):
    ...     island, offspring = functions.emit(key, island)
    ...     descriptor = jnp.linspace(0, 1, 8)[:, None]
    ...     return functions.add_and_update(key, island, first_id, offspring, jnp.arange(8.0), descriptor)
    >>> island = functions.init(jax.random.key(0))
    >>> island, counts, info = run_generation(jax.random.key(1), island, jnp.array([1, 0], jnp.uint32))
    >>> functions.names, int(counts.archive.added)
    (('iso-line',), 4)
    """
    groups = Counter(config.emitters)
    names = emitter_names(list(groups))
    bounds = bounds_of(config.bounds, num_params)
    context = EmitterContext(archive, sample, num_params, config.emitter_population, 1, bounds)
    if config.active is None:
        emitters = [_make(each, context._replace(num_parallel=count)) for each, count in groups.items()]
    else:
        emitters = [bandit([_make(each, context) for each in groups], list(groups.values()), config.active)]
    starts = [sum(emitter.batch for emitter in emitters[:k]) for k in range(len(emitters))]
    rows = [slice(start, start + emitter.batch) for start, emitter in zip(starts, emitters)]

    def init(key: Key) -> Island:
        states = tuple(emitter.init(jax.random.fold_in(key, k)) for k, emitter in enumerate(emitters))
        return Island(archive.init(jax.ShapeDtypeStruct((num_params,), jnp.float32), extra), states)

    def emit(key: Key, island: Island) -> tuple[Island, Offspring]:
        states, offspring = [], []
        for k, emitter in enumerate(emitters):
            state, made = emitter.emit(jax.random.fold_in(key, k), island.emitters[k], island.archive)
            states.append(state)
            offspring.append(made._replace(emitter=made.emitter + k))
        return island._replace(emitters=tuple(states)), jax.tree.map(lambda *parts: jnp.concatenate(parts), *offspring)

    def add_and_update(
        key: Key,
        island: Island,
        first_id: Id,
        offspring: Offspring,
        fitness: Array,
        descriptor: Array,
        extra: Mapping[str, Array] = {},
        /,
    ) -> tuple[Island, OffspringCounts, AddInfo]:
        parents, emitter = offspring.parents, offspring.emitter
        batch = entries(offspring.params, fitness, descriptor, parents=parents, emitter=emitter, extra=extra)
        batch = batch._replace(id=batch.id + first_id)
        archive_state, info = archive.add(island.archive, batch)
        states = tuple(
            emitter.tell(
                jax.random.fold_in(key, k),
                island.emitters[k],
                archive_state,
                offspring.params[rows[k]],
                total(fitness)[rows[k]],
                select_rows(info, rows[k]),
            )
            for k, emitter in enumerate(emitters)
        )
        counts = OffspringCounts(info.counts, batch_counts_by_emitter(batch, info, len(names)))
        return Island(archive_state, states), counts, info

    return Generation(names, init, emit, add_and_update)


def select_parents(
    config: MapElitesConfig, archive: Archive, num_params: int, extra: Mapping[str, Any] = {}
) -> Archive:
    """The archive, from which elites are drawn by the selection of the config.

    Raises `ConfigError` where archive or selection need extra fields that solutions do not have.
    """
    for name in archive.spec.get("tie_break", ()):
        if name not in extra:
            raise ConfigError(
                f"archive.tie_break {name!r} is no fact that solutions have ({', '.join(extra) or 'there are none'}): "
                f"add search.extra {name}, if it is one of agents, or declare it where solutions are scored"
            )
    selected = with_selection(archive, config.selection.make())

    def draw(key: Key) -> Any:
        example = jax.ShapeDtypeStruct((num_params,), jnp.float32)
        return selected.sample(key, selected.init(example, extra), 1)

    if selected is not archive:
        jax.eval_shape(
            draw, jax.random.key(0)
        )  # a selection that cannot work raises here, before a program is compiled
    return selected


def emitter_names(configs: Sequence[EmitterConfig]) -> tuple[str, ...]:
    """The ids of emitters; a second one of an id is called "ID_2", and so on.

    >>> from poet.search.map_elites.config import GaussianConfig, IsoLineConfig
    >>> emitter_names([GaussianConfig(sigma=0.1), IsoLineConfig(), GaussianConfig(sigma=0.5)])
    ('gaussian', 'iso-line', 'gaussian_2')
    """
    names: list[str] = []
    seen: Counter[str] = Counter()
    for config in configs:
        seen[config.id] += 1
        names.append(config.id if seen[config.id] == 1 else f"{config.id}_{seen[config.id]}")
    return tuple(names)


def _make(config: EmitterConfig, context: EmitterContext) -> Emitter:
    emitter = config.make(context)
    if emitter.batch != context.num_parallel * context.population:
        raise ContractError(
            f"emitter {config.id} must make num_parallel x population = {context.num_parallel * context.population} "
            f"solutions in each generation, but its batch is {emitter.batch}"
        )
    return emitter
