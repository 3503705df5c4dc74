"""Centroids that divide a box into cells of like size, and the exact nearest of them for many points at once.

Centroidal Voronoi tessellation as in Vassiliades, Chatzilygeroudis and Mouret (2016, arXiv 1610.05729): k-means
(Lloyd) over uniform samples. Distances are Euclidean, in the descriptor's own units.

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

from poet.archives.bounds import check_bounds
from poet.errors import ConfigError

BUCKETS_PER_CELL = 2  # with more, each lists fewer candidates, but their table outgrows the processor's cache
GATHERED = 12  # a gathered candidate costs as much as this many that all points go through in step
REACH = 512  # cells around a bucket that are looked at; where that is not enough, its candidates are many as well
CHUNK = 4096  # buckets worked out at once


class Index(NamedTuple):
    """Which centroids can be the nearest, by where in the box a point lies.

    The box is cut into a regular grid of S buckets. Each lists the cells that are nearest to some point of it, in
    rising order. A single bucket with all cells stands for boxes where buckets are no help.

    Attributes:
      centroids: f32[C, D].
      cells: i32[S, K], C where a list has ended.
      places: f32[S, K, D], the centroids of `cells`; infinity where a list has ended.
    """

    centroids: Float[Array, "C D"] | Float[np.ndarray, "C D"]
    cells: Int[Array, "S K"] | Int[np.ndarray, "S K"]
    places: Float[Array, "S K D"] | Float[np.ndarray, "S K D"]


def cvt_centroids(
    num_cells: int, bounds: Sequence[Sequence[float]], *, seed: int = 0, samples: int = 100_000
) -> Float[np.ndarray, "C D"]:
    """Centroids f32[C, D], the same for the same arguments; read-only, since who asks again gets the same array.

    With 10 samples a cell, cells are less even in size than with 30, which take some times as long.
    Raises `ConfigError` for bounds that cannot be, and unless there are as many samples as cells.
    """
    low, high = check_bounds(bounds, "clip")
    if not 1 <= num_cells <= samples:
        raise ConfigError(
            f"cvt expects at least one cell and as many samples as cells, got num_cells {num_cells}, samples {samples}"
        )
    return _k_means(num_cells, tuple(map(float, low)), tuple(map(float, high)), seed, samples)


def index_of(centroids: Float[np.ndarray, "C D"], low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"]) -> Index:
    """The index of any centroids, for points within low and high; on the host.

    Buckets serve up to three or four dimensions. Beyond, and where centroids crowd together, all cells are one bucket.
    """
    num_cells, dimensions = centroids.shape
    cells = _candidates(centroids.astype(np.float64), low, high, _grid(num_cells, low, high))
    if cells is None or GATHERED * cells.shape[1] > num_cells:
        cells = np.arange(num_cells)[None]
    padded = np.concatenate([centroids, np.full((1, dimensions), np.inf)]).astype(np.float32)
    return Index(padded[:-1], cells.astype(np.int32), padded[cells])


def nearest(
    index: Index, points: Float[Array, "B D"], low: Float[np.ndarray, "D"], high: Float[np.ndarray, "D"]
) -> Int[Array, "B"]:
    """The cell whose centroid is nearest to each point within low and high; of several as near, the lowest.

    Low and high are those of `index_of`. Holds a few numbers for each point, however many cells there are.
    """
    num_buckets, num_candidates, dimensions = index.places.shape
    cells, places = jnp.ravel(index.cells), jnp.ravel(index.places)
    start = 0  # the same for all points: a scalar that is read once is far cheaper than a gather
    if num_buckets > 1:
        shape = _grid(index.centroids.shape[0], low, high)
        place = ((points - low) * (shape / (high - low)).astype(np.float32)).astype(jnp.int32)
        place = jnp.clip(place, 0, (shape - 1).astype(np.int32))
        start = num_candidates * jnp.ravel_multi_index(tuple(place.T), tuple(map(int, shape)), mode="clip")

    def closer(k: Int[Array, ""], carry: tuple[Array, Array]) -> tuple[Array, Array]:
        best, at = carry
        distance = sum((points[:, d] - places[(start + k) * dimensions + d]) ** 2 for d in range(dimensions))
        return jnp.minimum(distance, best), jnp.where(distance < best, k, at)

    none = jnp.full(points.shape[0], jnp.inf), jnp.zeros(points.shape[0], jnp.int32)
    return cells[start + jax.lax.fori_loop(0, num_candidates, closer, none)[1]]


@lru_cache(maxsize=8)
def _k_means(
    num_cells: int, low: tuple[float, ...], high: tuple[float, ...], seed: int, samples: int
) -> Float[np.ndarray, "C D"]:
    points = np.random.default_rng(seed).uniform(low, high, (samples, len(low)))
    centroids, spread = points[:num_cells], np.inf
    for _ in range(100):
        distance, cell = KDTree(centroids).query(points, workers=-1)
        before, spread = spread, np.square(distance).mean()
        if spread > 0.999 * before:
            break
        size = np.bincount(cell, minlength=num_cells)[:, None]
        total = np.stack([np.bincount(cell, axis, num_cells) for axis in points.T], axis=1)
        centroids = np.where(size > 0, total / np.maximum(size, 1), centroids)
    centroids = centroids.astype(np.float32)
    centroids.setflags(write=False)
    return centroids


def _grid(num_cells: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How many buckets along each axis: as like to cubes as can be, some for each cell."""
    extent = (high - low).astype(np.float64)
    side = (extent.prod() / (BUCKETS_PER_CELL * num_cells)) ** (1 / len(extent))
    while True:
        shape = np.maximum(1, np.round(extent / side)).astype(int)
        if shape.prod() <= 2 * BUCKETS_PER_CELL * num_cells:
            return shape
        side *= 1.1  # some axis is shorter than a bucket


def _candidates(centroids: np.ndarray, low: np.ndarray, high: np.ndarray, shape: np.ndarray) -> np.ndarray | None:
    """The cells of each bucket, i64[S, K], rising, C where they end; None if they are too many to be of use."""
    tree = KDTree(centroids)
    width = (high - low).astype(np.float64) / shape
    # Wider than the bucket, since in float32 a point close to its edge may be taken for one of the next.
    half = width * (0.5 + 1e-3 + shape * 2.0**-22)
    lists = []
    for begin in range(0, shape.prod(), CHUNK):
        place = np.unravel_index(np.arange(begin, min(begin + CHUNK, shape.prod())), shape)
        middle = low + (np.stack(place, axis=1) + 0.5) * width
        around = _around(tree, middle, 2 * float(np.linalg.norm(half)))
        if around is None:
            return None
        lists.append(_undominated(centroids, around, middle, half))
    most = max(cells.shape[1] for cells in lists)
    padding = [((0, 0), (0, most - cells.shape[1])) for cells in lists]
    return np.concatenate([np.pad(cells, pad, constant_values=tree.n) for cells, pad in zip(lists, padding)])


def _around(tree: KDTree, middle: np.ndarray, further: float) -> np.ndarray | None:
    """The nearest cells to each point, in order: all that are no `further` away than the first; None beyond REACH."""
    count = 16
    while count <= REACH:
        found = tree.query(middle, k=min(count, tree.n), workers=-1)
        distance, cell = (np.reshape(each, (len(middle), -1)) for each in found)
        if count >= tree.n or (distance[:, -1] > distance[:, 0] + further).all():
            return cell
        count *= 2
    return None


def _undominated(centroids: np.ndarray, cells: np.ndarray, middle: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Those cells of each bucket to which none of its nearest is nearer in all of the bucket."""
    padded = np.concatenate([centroids, np.full((1, len(half)), 1e30)])  # finite, for differences of two such
    for rivals in (8, 32):  # the nearest eight clear most away; few are left after 32
        place = padded[cells]
        squared = np.square(place - middle[:, None]).sum(-1)
        dominated = np.zeros(cells.shape, bool)
        for j in range(min(rivals, cells.shape[1])):
            # The difference of the squared distances to two cells is linear: it is largest in a corner.
            dominated |= squared[:, j, None] - squared + 2 * np.abs(place - place[:, j, None]) @ half < 0
        cells = np.sort(np.where(dominated, len(centroids), cells), axis=1)
        cells = cells[:, : (cells < len(centroids)).sum(1).max()]
    return cells
