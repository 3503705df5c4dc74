"""Centroids that divide a box into cells of similar size, and an exact search for the nearest centroid of many points.

Centroidal Voronoi tessellation as in Vassiliades, Chatzilygeroudis and Mouret (2016, arXiv 1610.05729): k-means
(Lloyd) over uniform samples. Distances are Euclidean, in the units of the descriptor.

Axes: C cells, D descriptor, B batch of points, S buckets, K candidates of a bucket.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.spatial import KDTree

from poet.activity import doing
from poet.archives.bounds import check_bounds
from poet.errors import ConfigError
from poet.memory import require_memory

BUCKETS_PER_CELL = 2  # with more buckets each has fewer candidates, but the table no longer fits the processor's cache
GATHER_COST = 12  # gathering a candidate of a point's own bucket costs as much as this many candidates shared by all
MAX_CANDIDATES = 512  # nearest cells of a bucket that are examined; a bucket that needs more has too many candidates
MAX_ROUNDS = 100  # of k-means, which ends earlier once it gains less than a thousandth
MAX_TREE_DIMENSIONS = 15  # measured with 2,000 and 10,000 cells
DISTANCES_AT_ONCE = 2**22
CHUNK_SIZE = 4096  # buckets whose candidates are computed at once


class CentroidIndex(NamedTuple):
    """The centroids that can be nearest to a point, by the position of the point in the box.

    The box is divided into a regular grid of S buckets. Each bucket lists the cells that are nearest to some point of
    it, in ascending order. Where buckets do not help, a single bucket lists all cells.

    Attributes:
      centroids: f32[C, D].
      cells: i32[S, K], the cells of each bucket, padded with C.
      positions: f32[S, K, D], the centroids of `cells`, padded with infinity.
    """

    centroids: Float[Array, "C D"] | Float[np.ndarray, "C D"]
    cells: Int[Array, "S K"] | Int[np.ndarray, "S K"]
    positions: Float[Array, "S K D"] | Float[np.ndarray, "S K D"]


def cvt_centroids(
    num_cells: int, bounds: Sequence[Sequence[float]], *, seed: int = 0, samples: int = 100_000
) -> Float[np.ndarray, "C D"]:
    """Centroids f32[C, D], equal for equal arguments; read-only, since calls with equal arguments share the array.

    With 10 samples per cell the cells differ more in size than with 30, which take several times as long.
    Raises `ConfigError` for impossible bounds, and unless there are at least as many samples as cells.

    >>> cvt_centroids(100, [(0, 1), (0, 1)], samples=1000).shape
    (100, 2)
    """
    low, high = check_bounds(bounds, "clip")
    if not 1 <= num_cells <= samples:
        raise ConfigError(
            "cvt expects at least one cell and at least as many samples as cells, "
            f"got num_cells {num_cells}, samples {samples}"
        )
    require_memory(16 * samples * len(low), f"cvt samples {samples} of {len(low)} coordinates")
    return _k_means(num_cells, tuple(map(float, low)), tuple(map(float, high)), seed, samples)


def build_index(
    centroids: Float[np.ndarray, "C D"], low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"]
) -> CentroidIndex:
    """The index of any centroids, for points within low and high; computed on the host.

    Buckets help up to three or four dimensions. In more dimensions, and where centroids are concentrated in a small
    region, the index is a single bucket of all cells.
    """
    num_cells, dimensions = centroids.shape
    with doing(f"indexing {num_cells:,} cells in {dimensions} dimensions"):
        cells = _candidates(centroids.astype(np.float64), low, high, _bucket_grid(num_cells, low, high))
    if cells is None or GATHER_COST * cells.shape[1] > num_cells:
        cells = np.arange(num_cells)[None]
    padded = np.concatenate([centroids, np.full((1, dimensions), np.inf)]).astype(np.float32)
    return CentroidIndex(padded[:-1], cells.astype(np.int32), padded[cells])


def nearest_cell(
    index: CentroidIndex, points: Float[Array, "B D"], low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"]
) -> Int[Array, "B"]:
    """The cell whose centroid is nearest to each point within low and high; among equal distances the lowest cell.

    `low` and `high` are those given to `build_index`. Memory is a few numbers per point, for any number of cells.
    """
    num_buckets, num_candidates, dimensions = index.positions.shape
    cells, positions = jnp.ravel(index.cells), jnp.ravel(index.positions)
    start = 0  # with one bucket all points share a scalar start, which is far cheaper to read than a gather
    if num_buckets > 1:
        shape = _bucket_grid(index.centroids.shape[0], low, high)
        bucket = ((points - low) * (shape / (high - low)).astype(np.float32)).astype(jnp.int32)
        bucket = jnp.clip(bucket, 0, (shape - 1).astype(np.int32))
        start = num_candidates * jnp.ravel_multi_index(tuple(bucket.T), tuple(map(int, shape)), mode="clip")

    def compare(k: Int[Array, ""], carry: tuple[Array, Array]) -> tuple[Array, Array]:
        smallest, nearest = carry
        distance = sum((points[:, d] - positions[(start + k) * dimensions + d]) ** 2 for d in range(dimensions))
        return jnp.minimum(distance, smallest), jnp.where(distance < smallest, k, nearest)

    initial = jnp.full(points.shape[0], jnp.inf), jnp.zeros(points.shape[0], jnp.int32)
    return cells[start + jax.lax.fori_loop(0, num_candidates, compare, initial)[1]]


@lru_cache(maxsize=8)
def _k_means(
    num_cells: int, low: tuple[float, ...], high: tuple[float, ...], seed: int, samples: int
) -> Float[np.ndarray, "C D"]:
    points = np.random.default_rng(seed).uniform(low, high, (samples, len(low)))
    centroids, loss = points[:num_cells], np.inf
    task = f"placing {num_cells:,} centroids in {len(low)} dimensions"
    with doing(task) as activity:
        for round_number in range(1, MAX_ROUNDS + 1):
            activity.text = f"{task}, round {round_number} of at most {MAX_ROUNDS}"
            cell = _nearest(centroids, points)
            previous_loss, loss = loss, np.square(points - centroids[cell]).sum(1).mean()
            if loss > 0.999 * previous_loss:
                break
            size = np.bincount(cell, minlength=num_cells)[:, None]
            total = np.stack([np.bincount(cell, axis, num_cells) for axis in points.T], axis=1)
            centroids = np.where(size > 0, total / np.maximum(size, 1), centroids)
    centroids = centroids.astype(np.float32)
    centroids.setflags(write=False)
    return centroids


def _nearest(centroids: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The centroid that is nearest to each point, i64[S]: by a tree, or by all distances where a tree is slower."""
    if points.shape[1] <= MAX_TREE_DIMENSIONS:
        return np.asarray(KDTree(centroids).query(points, workers=-1)[1])
    middle = points.mean(0)  # small coordinates lose fewer digits
    points, centroids = points - middle, centroids - middle
    half_square = np.square(centroids).sum(1) / 2
    size = max(1, DISTANCES_AT_ONCE // len(centroids))
    blocks = (points[begin : begin + size] for begin in range(0, len(points), size))
    return np.concatenate([np.argmax(block @ centroids.T - half_square, axis=1) for block in blocks])


def _bucket_grid(num_cells: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The number of buckets along each axis: buckets are nearly cubes, and there are a few for each cell."""
    extent = (high - low).astype(np.float64)
    side = (extent.prod() / (BUCKETS_PER_CELL * num_cells)) ** (1 / len(extent))
    while True:
        shape = np.maximum(1, np.round(extent / side)).astype(int)
        if shape.prod() <= 2 * BUCKETS_PER_CELL * num_cells:
            return shape
        side *= 1.1  # some axis is shorter than the side of a bucket


def _candidates(centroids: np.ndarray, low: np.ndarray, high: np.ndarray, shape: np.ndarray) -> np.ndarray | None:
    """The cells of each bucket, i64[S, K], ascending, padded with C; None if there are too many to help."""
    tree = KDTree(centroids)
    width = (high - low).astype(np.float64) / shape
    # Wider than the bucket: by rounding to float32, a point near an edge can be assigned to the adjacent bucket.
    half_width = width * (0.5 + 1e-3 + shape * 2.0**-22)
    chunks = []
    for begin in range(0, shape.prod(), CHUNK_SIZE):
        bucket = np.unravel_index(np.arange(begin, min(begin + CHUNK_SIZE, shape.prod())), shape)
        center = low + (np.stack(bucket, axis=1) + 0.5) * width
        cells = _cells_within(tree, center, 2 * float(np.linalg.norm(half_width)))
        if cells is None:
            return None
        chunks.append(_remove_dominated(centroids, cells, center, half_width))
    most = max(cells.shape[1] for cells in chunks)
    padding = [((0, 0), (0, most - cells.shape[1])) for cells in chunks]
    return np.concatenate([np.pad(cells, pad, constant_values=tree.n) for cells, pad in zip(chunks, padding)])


def _cells_within(tree: KDTree, center: np.ndarray, margin: float) -> np.ndarray | None:
    """The nearest cells of each point by distance, all those at most `margin` farther than the nearest included.

    None if these are more than MAX_CANDIDATES.
    """
    count = 16
    while count <= MAX_CANDIDATES:
        found = tree.query(center, k=min(count, tree.n), workers=-1)
        distance, cell = (np.reshape(each, (len(center), -1)) for each in found)
        if count >= tree.n or (distance[:, -1] > distance[:, 0] + margin).all():
            return cell
        count *= 2
    return None


def _remove_dominated(
    centroids: np.ndarray, cells: np.ndarray, center: np.ndarray, half_width: np.ndarray
) -> np.ndarray:
    """The cells of each bucket without those that are nowhere in the bucket nearer than one of the nearest cells."""
    padded = np.concatenate([centroids, np.full((1, len(half_width)), 1e30)])  # finite, so that differences are finite
    for num_compared in (8, 32):  # the nearest 8 remove most cells; few remain after 32
        position = padded[cells]
        squared = np.square(position - center[:, None]).sum(-1)
        dominated = np.zeros(cells.shape, bool)
        for j in range(min(num_compared, cells.shape[1])):
            # The difference of the squared distances to two cells is linear, so its maximum is in a corner.
            difference = squared[:, j, None] - squared + 2 * np.abs(position - position[:, j, None]) @ half_width
            dominated |= difference < 0
        cells = np.sort(np.where(dominated, len(centroids), cells), axis=1)
        cells = cells[:, : (cells < len(centroids)).sum(1).max()]
    return cells
