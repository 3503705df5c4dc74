"""Ask and tell: the same archives and emitters for evaluations outside JAX, as a simulator or a laboratory.

All inputs and outputs are NumPy arrays, and copies: changing one later does not change the search.
"""

import io
import json
import operator
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from poet.archives.base import Archive, Entries, nan_where_missing
from poet.archives.layout import num_objectives
from poet.archives.stats import summary
from poet.archives.table import columns
from poet.checked import check, parse_json
from poet.checked_arrays import unpack_npz
from poet.checksum import digest
from poet.configs import differences, to_dict
from poet.errors import ConfigError, PoetError, ShapeError
from poet.files import checked_path, read_bytes, replace_file
from poet.jax_settings import pinned
from poet.search.keys import AskTellPhase
from poet.search.map_elites.base import Offspring, bounds_of, initial_offspring
from poet.search.map_elites.config import MapElitesConfig
from poet.search.map_elites.generation import generation, select_parents
from poet.search.map_elites.solutions import SolutionForm, solution_form
from poet.typed_config import check_value
from poet.types import Key, Params, derive_key

UNUSED = ("generations", "initial", "islands", "reevaluate", "extra")  # options that have no effect here


class AskTell:
    """MAP-Elites one batch at a time.

    Args:
      config: emitters, batch, bounds and selection; generations, initial, islands, reevaluate and extra have no effect
        here.
      archive: where solutions are kept.
      initial_solutions: f32[S, G], all evaluated first, and repeated until their last batch is full. A dict, a
        NamedTuple or another tree of arrays f32[S, ...] makes all solutions such trees.
      seed: of every random choice.
      qd_offset: the worst possible fitness, which QD scores subtract.
      extra: examples, as np.int32(0), of more facts that `tell` gets about each solution and stores with elites.

    Raises `ShapeError` for initial solutions of another shape, `ConfigError` for some that are out of bounds, and for
    bounds, a selection or an archive that do not suit the solutions.

    >>> from poet.archives.config import GridConfig
    >>> archive = GridConfig(shape=(8, 8)).make([(-1.0, 1.0), (-1.0, 1.0)])
    >>> search = AskTell(MapElitesConfig(batch=16), archive, initial_solutions=np.zeros((1, 3)), qd_offset=-10.0)
    >>> for _ in range(3):
    ...     solutions = search.ask()
    ...     report = search.tell(-np.square(solutions).sum(axis=1), np.tanh(solutions[:, :2]))
    >>> solutions.shape, report["status"].shape
    ((16, 3), (16,))
    >>> sorted(search.summary())
    ['best', 'coverage', 'filled', 'mean', 'qd_score']
    """

    @pinned()
    def __init__(
        self,
        config: MapElitesConfig,
        archive: Archive,
        initial_solutions: Any,
        *,
        seed: int = 0,
        qd_offset: float = 0.0,
        extra: Mapping[str, Any] = {},
    ) -> None:
        check_value("config", MapElitesConfig, config)
        check_value("archive", Archive, archive)
        seed = check_value("seed", int, seed)
        qd_offset = check_value("qd_offset", float, qd_offset)
        self._form, initial = _initial_vectors(initial_solutions)
        bounds = bounds_of(config.bounds, self._form.num_params)
        if bounds is not None and not ((initial >= bounds[0]) & (initial <= bounds[1])).all():
            raise ConfigError(
                f"expected initial_solutions within search.bounds {config.bounds}, got numbers from {initial.min()} to "
                f"{initial.max()}: clip them, or widen the bounds"
            )
        self._extra = _examples(check_value("extra", Mapping, extra))
        archive = select_parents(config, archive, self._form.num_params, self._extra)
        self.archive, self.qd_offset = archive, qd_offset
        self._num_descriptors = len(archive.spec["bounds"])
        prior = jnp.asarray(initial)

        def sample(key: Key) -> Params:
            return prior[jax.random.randint(key, (), 0, len(prior))]

        functions = generation(config, archive, sample, initial.shape[1], self._extra)
        self._settings = _settings(config, archive, seed, initial, self._form, self._extra)
        # Whole batches of initial solutions, the last one filled up with the first of them.
        num_batches = -(-len(initial) // config.batch)
        self._initial = np.resize(initial, (num_batches, config.batch, initial.shape[1]))
        self._emit, self._add_and_update = jax.jit(functions.emit), jax.jit(functions.add_and_update)
        self._key = jax.random.key(seed)
        self._island = jax.jit(functions.init)(derive_key(self._key, AskTellPhase.START))
        self._iteration = 0
        self._pending: Offspring | None = None

    @pinned()
    def ask(self) -> Any:
        """Solutions f32[B, G] to be evaluated, or a tree of f32[B, ...]; the same ones until `tell` is called."""
        offspring = self._pending
        if offspring is None and self._iteration < len(self._initial):
            offspring = initial_offspring(self._initial[self._iteration])
        elif offspring is None:
            key = derive_key(self._key, AskTellPhase.EMIT, self._iteration)
            self._island, offspring = self._emit(key, self._island)
        self._pending = offspring
        return self._form.unravel(np.array(offspring.params))

    @pinned()
    def tell(
        self, fitness: Sequence[float] | np.ndarray, descriptor: Any = None, extra: Mapping[str, Any] = {}
    ) -> dict[str, np.ndarray]:
        """Add the evaluated solutions to the archive.

        Args:
          fitness: [B] in the order of `ask`, or [B, M] for an archive of M objectives; NaN, None or masked for a
            solution that could not be evaluated: it is counted and not stored.
          descriptor: [B, D]; a row may be missing in the same ways. None for an archive without descriptors.
          extra: the extra fields that were declared, [B, ...] each.

        Returns "status" i32[B] (2 for a new cell, 1 for an improvement, else 0), "improvement" f32[B] and the archive's
        counts. Raises `ShapeError` for other shapes and `PoetError` if `ask` was not called; the archive is then
        unchanged.
        """
        if self._pending is None:
            raise PoetError("tell() expects the scores of the last ask(): call ask() first, and tell() once for each")
        batch = self._initial.shape[1]
        objectives = num_objectives(self.archive.spec)
        fitness = _numbers("fitness", fitness, (batch,) if objectives == 1 else (batch, objectives))
        if descriptor is None:
            descriptor = np.zeros((batch, 0))
        descriptor = _numbers("descriptor", descriptor, (batch, self._num_descriptors))
        facts = _facts(extra, self._extra, batch)
        first_id = np.array([self._iteration, 0], np.uint32)
        key = derive_key(self._key, AskTellPhase.TELL, self._iteration)
        self._island, _, info = self._add_and_update(
            key, self._island, first_id, self._pending, fitness, descriptor, facts
        )
        self._iteration, self._pending = self._iteration + 1, None
        counts = {name: np.asarray(count) for name, count in info.counts._asdict().items()}
        return {"status": np.array(info.status), "improvement": np.array(info.improvement), **counts}

    @pinned()
    def table(self) -> dict[str, np.ndarray]:
        """The elites as columns: see `poet.archives.table.columns`."""
        elites = self._elites()
        return columns(self.archive.spec, elites._replace(payload=self._form.unravel(elites.payload)))

    @pinned()
    def summary(self) -> dict[str, float]:
        """Filled cells, coverage, QD score, best and mean fitness."""
        quality = summary(self.archive.spec, self._elites(), self.qd_offset)
        return {name: float(value) for name, value in quality._asdict().items()}

    def _elites(self) -> Entries:
        return jax.tree.map(np.asarray, self.archive.elites(self._island.archive))

    def __reduce__(self) -> NoReturn:
        raise PoetError("an AskTell holds compiled functions and cannot be pickled: use save(path) and load(path)")

    def save(self, path: Path | str) -> None:
        """Write everything that `load` needs to resume as one .npz file, which appears whole or not at all."""
        pending = () if self._pending is None else self._pending
        arrays = [np.array(self._iteration), *map(np.asarray, jax.tree.leaves((self._island, pending)))]
        packed = io.BytesIO()
        np.savez(packed, *arrays, allow_pickle=False, settings=np.array(json.dumps(self._settings)))
        replace_file(checked_path(path), packed.getvalue())

    @pinned()
    def load(self, path: Path | str) -> None:
        """Resume from a file that `save` wrote in an `AskTell` with the same arguments.

        Raises `ConfigError` for a file that is damaged, was not written by `save`, or was saved with other arguments.
        """
        path = checked_path(path)
        try:
            arrays = unpack_npz(read_bytes(path))
            settings = parse_json(str(arrays.pop("settings", "")))
            check(settings, {}, "settings")
            iteration, *leaves = (arrays[f"arr_{place}"] for place in range(len(arrays)))
            iteration = operator.index(iteration)  # pyright: ignore[reportArgumentType]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} was not written by AskTell.save, or it is damaged: {error}") from error
        changes = differences(settings, self._settings)
        if changes:
            listed = "\n  ".join(changes)
            raise ConfigError(
                f"{path} was saved with other settings:\n  {listed}\nUse the saved settings, or start a new search"
            )
        own_leaves, structure = jax.tree.flatten(self._island)
        island, pending = leaves[: len(own_leaves)], leaves[len(own_leaves) :]
        example = initial_offspring(self._initial[0]) if pending else ()
        if iteration < 0 or _forms(leaves) != _forms((own_leaves, example)):
            raise ConfigError(f"{path} holds other arrays than AskTell.save writes with these settings: it is damaged")
        self._island = jax.tree.unflatten(structure, map(jnp.asarray, island))
        self._iteration, self._pending = iteration, Offspring(*map(jnp.asarray, pending)) if pending else None


def _forms(tree: Any) -> list[tuple[tuple[int, ...], str]]:
    """Shape and dtype of each leaf."""
    return [(np.shape(leaf), str(leaf.dtype)) for leaf in jax.tree.leaves(tree)]


def _initial_vectors(given: Any) -> tuple[SolutionForm, np.ndarray]:
    """What one solution is, and the initial ones as f32[S, G]."""
    # Lists and tuples of numbers are trees for jax and arrays for NumPy.
    is_tree = not isinstance(given, list | tuple | np.ndarray | jax.Array) or hasattr(given, "_fields")
    words = "f32[S, G], one solution per row, or a tree of arrays f32[S, ...]"
    try:
        arrays = (
            jax.tree.map(lambda leaf: np.array(leaf, np.float32), given) if is_tree else np.array(given, np.float32)
        )
    except (TypeError, ValueError):
        raise ShapeError(f"expected initial_solutions {words}; got {given!r:.200}") from None
    leaves = jax.tree.leaves(arrays)
    shapes = {leaf.shape[:1] for leaf in leaves}
    if len(shapes) != 1 or shapes & {(), (0,)} or (not is_tree and arrays.ndim != 2):
        raise ShapeError(
            f"expected initial_solutions {words}; got shapes {', '.join(str(leaf.shape) for leaf in leaves)}"
        )
    if not all(np.isfinite(leaf).all() for leaf in leaves):
        raise ShapeError(f"expected initial_solutions {words}, of finite numbers; some are not")
    form = solution_form(jax.tree.map(lambda leaf: leaf[0], arrays))
    return form, form.ravel(arrays)


def _examples(extra: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Examples of extra fields as arrays of the types that jax has."""
    examples = {}
    for name, example in extra.items():
        array = np.asarray(example)
        if array.dtype.kind not in "biuf":
            raise ShapeError(
                f"expected extra as examples of numbers or arrays, as np.int32(0); {name} is {example!r:.80}"
            )
        examples[name] = array.astype(jax.dtypes.canonicalize_dtype(array.dtype))
    return examples


def _facts(given: Mapping[str, Any], examples: Mapping[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    """The extra fields of a batch, as they were declared."""
    given = check_value("extra", Mapping, given)
    if given.keys() != examples.keys():
        raise ShapeError(
            f"expected the extra fields that were declared, {', '.join(examples) or 'none'}; "
            f"got {', '.join(given) or 'none'}: tell(fitness, descriptor, extra)"
        )
    facts = {}
    for name, example in examples.items():
        values = np.asarray(given[name])
        if values.shape != (size, *example.shape) or not np.can_cast(values.dtype, example.dtype, "same_kind"):
            raise ShapeError(
                f"expected {name} {example.dtype}{[size, *example.shape]}, one row per solution of ask(); "
                f"got {values.dtype}{list(values.shape)}"
            )
        facts[name] = values.astype(example.dtype)
    return facts


def _settings(
    config: MapElitesConfig,
    archive: Archive,
    seed: int,
    initial: np.ndarray,
    form: SolutionForm,
    extra: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    """What must be the same when a search is resumed, as JSON values."""
    settings = {name: value for name, value in to_dict(config).items() if name not in UNUSED}
    settings["emitters"] = {str(number): emitter for number, emitter in enumerate(settings["emitters"])}
    # The layout follows from the options.
    settings["archive"] = {name: value for name, value in archive.spec.items() if name != "layout"}
    settings["seed"] = seed
    settings["initial_solutions"] = f"{list(initial.shape)} {digest(initial)}"
    settings["solution"] = form.shapes
    settings["extra"] = {name: f"{example.dtype}{list(example.shape)}" for name, example in extra.items()}
    return json.loads(json.dumps(settings))


def _numbers(name: str, values: Any, shape: tuple[int, ...]) -> np.ndarray:
    if len(shape) == 2 and isinstance(values, Sequence):
        values = [np.full(shape[1], np.nan) if row is None else row for row in values]
    array = nan_where_missing(values)
    if array.shape != shape or array.dtype.kind not in "fiub":
        raise ShapeError(
            f"expected {name} numbers of shape {shape}, one row per solution of ask(); got {array.dtype} {array.shape}"
        )
    with np.errstate(over="ignore"):
        return np.array(array, np.float32)
