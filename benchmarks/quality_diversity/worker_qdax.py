"""QDax: one compiled scan with donated state, without metrics. Runs in the environment of QDax."""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from qdax.core.containers.mapelites_repertoire import (
    MapElitesRepertoire,
    compute_cvt_centroids,
    compute_euclidean_centroids,
)
from qdax.core.emitters.cma_improvement_emitter import CMAImprovementEmitter
from qdax.core.emitters.cma_pool_emitter import CMAPoolEmitter
from qdax.core.emitters.mutation_operators import isoline_variation
from qdax.core.emitters.standard_emitters import MixingEmitter
from qdax.core.map_elites import MAPElites
from qdax.tasks.arm import arm_scoring_function
from qdax.tasks.standard_functions import rastrigin_proj_scoring_function

from benchmarks.quality_diversity import worker
from benchmarks.quality_diversity.tasks import DIM, EDGE, RASTRIGIN_WORST, SHIFT, SPHERE_WORST, TASKS, Task


def sphere(x, key):
    """QDax has no sphere with projected descriptors; this is the Rastrigin function of QDax without the cosines."""
    clipped = jnp.where(jnp.abs(x) > EDGE, EDGE / x, x)
    descriptor = jnp.stack([clipped[:, : DIM // 2].mean(axis=1), clipped[:, DIM // 2 :].mean(axis=1)], axis=1)
    return -jnp.square(x - SHIFT).sum(axis=1), descriptor, {}


# In QDax the best fitness is 0 and projected descriptors are means; both are scaled to those of the other libraries.
SCORING = {
    "sphere": (sphere, 100 / SPHERE_WORST, DIM / 2),
    "rastrigin": (rastrigin_proj_scoring_function, 100 / RASTRIGIN_WORST, DIM / 2),
    "arm": (arm_scoring_function, 200.0, 1.0),
}


def scoring(task: str):
    score, slope, scale = SCORING[task]

    def scaled(x, key):
        fitness, descriptor, _ = score(x, key)
        return 100 + slope * fitness, scale * descriptor, {}

    return scaled


def make_centroids(kind: str, cells: int, low: float, high: float) -> jax.Array:
    if kind == "grid":
        return compute_euclidean_centroids((worker.cells_per_side(cells),) * 2, [low] * 2, [high] * 2)
    return jnp.asarray(worker.load_centroids(cells, low, high), jnp.float32)


def evaluate(task: str, solutions: list) -> dict:
    fitness, descriptor, _ = jax.jit(scoring(task))(jnp.asarray(solutions, jnp.float32), jax.random.key(0))
    return {"fitness": np.asarray(fitness).tolist(), "descriptor": np.asarray(descriptor).tolist()}


def iso_line(task: Task, batch: int) -> MixingEmitter:
    variation = partial(isoline_variation, iso_sigma=task.iso, line_sigma=task.line)
    return MixingEmitter(lambda x, key: x, variation, variation_percentage=1.0, batch_size=batch)


def cma_me(task: Task, centroids: jax.Array, batch: int) -> CMAPoolEmitter:
    """Fifteen strategies that act one after the other, each with a fifteenth of the batch."""
    emitter = CMAImprovementEmitter(batch // 15, DIM, centroids, task.sigma, min_count=1)
    emitter._cma_initial_state = emitter._cma_initial_state.replace(mean=jnp.full(DIM, task.mean))
    return CMAPoolEmitter(15, emitter)


@lru_cache(maxsize=1)
def make_search(task: str, kind: str, cells: int, batch: int, algorithm: str, chunk: int):
    options = TASKS[task]
    centroids = make_centroids(kind, cells, *options.descriptor)
    emitter = iso_line(options, batch) if algorithm == "iso+line" else cma_me(options, centroids, batch)
    search = MAPElites(scoring(task), emitter, metrics_function=lambda repertoire: {})

    @jax.jit
    def init(key):
        first, rest, carried = jax.random.split(key, 3)
        genotypes = jax.random.uniform(first, (batch, DIM), minval=options.start[0], maxval=options.start[1])
        repertoire, state, _ = search.init(genotypes, centroids, rest)
        return repertoire, state, carried

    @partial(jax.jit, donate_argnums=0)
    def advance(carry):
        return jax.lax.scan(search.scan_update, carry, length=chunk)[0]

    with worker.stopwatch() as elapsed:
        jax.block_until_ready(advance(init(jax.random.key(0))))
    return init, advance, elapsed.wall


def run(init, advance, chunk_evaluations: int, seconds: float, evaluations: int, seed: int):
    carry = [jax.block_until_ready(init(jax.random.key(seed)))]

    def run_chunk() -> int:
        carry[0] = jax.block_until_ready(advance(carry[0]))
        return chunk_evaluations

    return worker.time_loop(run_chunk, seconds, evaluations), carry[0][0]


def loop(task: str, kind: str, cells: int, batch: int, seconds: float, evaluations: int, seed: int) -> dict:
    chunk = max(1, (16_384 if cells <= 2_000 else 8_192) // batch)
    init, advance, warm_up = make_search(task, kind, cells, batch, "iso+line", chunk)
    done, repertoire = run(init, advance, chunk * batch, seconds, evaluations, seed)
    return {**done, "warm_up": warm_up, "coverage": float(jnp.mean(repertoire.fitnesses > -jnp.inf))}


def insert(kind: str, cells: int, size: int, payload: int, filled: bool, seed: int) -> dict:
    if cells * size > 2_000_000_000:
        return {"error": f"needs {cells * size * 4 / 2**30:.0f} GiB for the distances"}
    centroids = make_centroids(kind, cells, 0.0, 1.0)

    @partial(jax.jit, donate_argnums=0)
    def add(repertoire, solutions, fitness, descriptor):
        return repertoire.add(solutions, descriptor, fitness)

    new, old = (jax.tree.map(jnp.asarray, worker.random_entries(size, payload, number)) for number in (seed, seed + 1))

    def make() -> MapElitesRepertoire:
        repertoire = MapElitesRepertoire.init_default(jnp.zeros(payload), centroids + 0)
        return jax.block_until_ready(add(repertoire, *old) if filled else repertoire)

    repertoire = add(make(), *new)
    elites = int(jnp.sum(repertoire.fitnesses > -jnp.inf))
    repeats = 7 if cells * size <= 100_000_000 else 1
    done = worker.time_insertions(make, lambda archive: jax.block_until_ready(add(archive, *new)), repeats)
    return {**done, "elites": elites}


def centroids(num: int, samples: int, seed: int) -> dict:
    with worker.stopwatch() as elapsed:
        result = np.asarray(compute_cvt_centroids(2, samples, num, 0.0, 1.0, jax.random.key(seed)))
    return {"wall": elapsed.wall, "cpu": elapsed.cpu, "centroids": result.tolist()}


def quality(task: str, kind: str, cells: int, algorithm: str, batch: int, evaluations: int, seed: int) -> dict:
    if algorithm == "CMA-MAE":
        return {"error": "QDax has no CMA-MAE"}
    step = batch if algorithm == "iso+line" else batch // 15
    chunk = (evaluations - batch) // step  # without the first batch
    init, advance, _ = make_search(task, kind, cells, batch, algorithm, chunk)
    done, repertoire = run(init, advance, chunk * step, float("inf"), chunk * step, seed)
    fitness = np.asarray(repertoire.fitnesses)[:, 0]
    fitness = fitness[fitness > -np.inf]
    return {**done, "coverage": len(fitness) / cells, "qd_score": float(np.sum(fitness, dtype=np.float64))}


if __name__ == "__main__":
    worker.serve(evaluate=evaluate, loop=loop, insert=insert, centroids=centroids, quality=quality)
