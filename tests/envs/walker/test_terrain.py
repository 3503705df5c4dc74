import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poet.envs.walker.genome import PIT_UNIT, ROUGHNESS_UNIT, STAIR_UNIT, STUMP_UNIT, ObstacleGenome
from poet.envs.walker.terrain import (
    NUM_KNOTS,
    PIT_DEPTH,
    START_HEIGHT,
    TERRAIN_STEP,
    TREAD_STEPS,
    Terrain,
    UniformDraws,
    build_terrain,
    draw_uniforms,
    terrain_from_draws,
)

build = jax.jit(build_terrain)
build_64 = jax.jit(jax.vmap(build_terrain, (0, None)))
surface = jax.jit(terrain_from_draws)


def genome(roughness=0, pit=(0, 0), stump=(0, 0), stair=(0, 0), stair_steps=1, seed=0) -> ObstacleGenome:
    return jax.tree.map(
        lambda a: jnp.asarray(a, jnp.int32),
        ObstacleGenome(roughness, np.array(pit), np.array(stump), np.array(stair), stair_steps, seed),
    )


GENOMES = {
    "flat": genome(),
    "rough": genome(roughness=60),
    "pits": genome(pit=(3, 18)),
    "narrow pits": genome(pit=(0, 2)),
    "stumps": genome(stump=(2, 14)),
    "stairs": genome(stair=(2, 5), stair_steps=4),
    "all": genome(roughness=35, pit=(0, 13), stump=(0, 9), stair=(1, 4), stair_steps=2),
}


def reference(draws: UniformDraws, genome: ObstacleGenome) -> tuple[list, list, list]:
    """The original's loop over points in plain Python: the points of its edges, its boxes, and its obstacles.

    Differs from the release in one thing: stairs go up by as many steps as they go down.
    """
    d: dict = {name: np.asarray(value, float) for name, value in draws._asdict().items()}
    limits = {}
    for kind, unit in (("pit", PIT_UNIT), ("stump", STUMP_UNIT), ("stair", STAIR_UNIT)):
        if getattr(genome, kind)[1] > 0:
            limits[kind] = np.asarray(getattr(genome, kind)) * unit
    kinds = list(limits)
    points, boxes, obstacles = [], [], []
    state, oneshot, counter, velocity, y = "grass", False, 20, 0.0, START_HEIGHT
    size, shift, steps, base, up, begin = 0.0, 0.0, int(genome.stair_steps), 0.0, 0, 0
    for i in range(NUM_KNOTS):
        x = i * TERRAIN_STEP
        if state == "grass" and not oneshot:
            velocity = 0.8 * velocity + 0.01 * np.sign(START_HEIGHT - y)
            if i > 20:
                velocity += (2 * d["bump"][i] - 1) / 30
            y += float(genome.roughness) * ROUGHNESS_UNIT * velocity
        elif state == "pit" and oneshot:
            gap = 1.0 + size
            counter = int(np.ceil(gap))
            shift = counter - gap
            boxes.append((x, x + TERRAIN_STEP, y))
            boxes.append((x + gap * TERRAIN_STEP, x + (gap + 1) * TERRAIN_STEP, y))
            counter += 2
            base = y
        elif state == "pit":
            y = base - (4 * TERRAIN_STEP if counter > 1 else 0)
            if counter == 1:
                x -= shift * TERRAIN_STEP
        elif state == "stump":
            boxes.append((x, x + TERRAIN_STEP, y + size * TERRAIN_STEP))
            counter = 1
        elif state == "stair" and oneshot:
            base, begin, counter = y, i, TREAD_STEPS * steps + 1
            for s in range(steps):
                boxes.append(
                    (
                        x + s * TREAD_STEPS * TERRAIN_STEP,
                        x + (s + 1) * TREAD_STEPS * TERRAIN_STEP,
                        y + s * size * up * TERRAIN_STEP,
                    )
                )
            end = x + steps * TREAD_STEPS * TERRAIN_STEP
            boxes.append((end, end + TERRAIN_STEP, y + steps * size * up * TERRAIN_STEP))
        elif state == "stair":
            tread = (i - begin - 1) // TREAD_STEPS
            y = base + up * tread * size * TERRAIN_STEP - (size * TERRAIN_STEP if up < 0 else 0)
        oneshot = False
        points.append((x, y))
        counter -= 1
        if counter == 0:
            if state == "stair" and up > 0:
                y += size * TERRAIN_STEP
            counter = 5 + int(5 * d["length"][i])
            oneshot = True
            if state == "grass" and kinds:
                state = kinds[int(d["kind"][i] * len(kinds))]
                lo, hi = limits[state]
                size = lo + d["size"][i] * (hi - lo)
                up = 1 if d["upward"][i] >= 0.5 else -1
                obstacles.append((i + 1, state, size))
            else:
                state = "grass"
    return points, boxes, obstacles


def reference_height(points: list, boxes: list, x: np.ndarray) -> np.ndarray:
    height = np.interp(x, *np.array(points).T)
    for low, high, top in boxes:
        height = np.where((x > low) & (x < high), np.maximum(height, top), height)
    return height


def height(terrain: Terrain, x: np.ndarray) -> np.ndarray:
    knots, left, right = (np.asarray(a, float) for a in terrain[:3])
    i = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, NUM_KNOTS - 2)
    width = np.maximum(knots[i + 1] - knots[i], 1e-9)
    return right[i] + (left[i + 1] - right[i]) * np.clip((x - knots[i]) / width, 0, 1)


@pytest.mark.few(10)
@pytest.mark.parametrize("name", GENOMES)
@pytest.mark.parametrize("seed", range(6))
def test_surface_equals_that_of_the_original_rules(name: str, seed: int) -> None:
    draws = draw_uniforms(jax.random.key(seed))
    terrain = surface(draws, GENOMES[name])
    points, boxes, _ = reference(draws, GENOMES[name])
    x = np.linspace(0, points[-1][0] - 1e-3, 20_000)
    walls = np.concatenate([np.array([box[:2] for box in boxes]).ravel(), np.asarray(terrain.x)])
    x = x[np.abs(x[:, None] - walls).min(1) > 1e-3]  # a wall has two heights
    np.testing.assert_allclose(height(terrain, x), reference_height(points, boxes, x), atol=2e-4)


@pytest.mark.ci
@pytest.mark.few(1)
@pytest.mark.parametrize("name", GENOMES)
def test_knots_are_ordered_and_at_most_one_step_off(name: str) -> None:
    keys = jax.random.split(jax.random.key(1), 64)
    terrain = build_64(keys, GENOMES[name])
    offset = np.asarray(terrain.x, float) / TERRAIN_STEP - np.arange(NUM_KNOTS)
    assert (np.diff(terrain.x, axis=1) >= 0).all()
    assert offset.max() < 1e-4
    assert offset.min() > -1
    assert np.isfinite(np.asarray(terrain.left)).all()


def test_flat_genome_is_exactly_flat() -> None:
    terrain = build(jax.random.key(3), GENOMES["flat"])
    assert (np.asarray(terrain.left) == np.float32(START_HEIGHT)).all()
    assert (np.asarray(terrain.right) == np.float32(400 / 30 / 4)).all()
    np.testing.assert_allclose(terrain.x, np.arange(NUM_KNOTS) * 14 / 30, rtol=1e-6)


def test_start_is_flat_for_every_genome() -> None:
    for one in GENOMES.values():
        terrain = build(jax.random.key(4), one)
        assert (np.asarray(terrain.left[:21]) == np.float32(START_HEIGHT)).all()


def measure(terrain: Terrain) -> tuple[list, list, list]:
    """Widths of pits, heights of stumps and of stair steps, in terrain steps, from the walls of a flat terrain."""
    x, left, right = (np.asarray(a, float) / TERRAIN_STEP for a in terrain[:3])
    wall = right - left
    deep = np.flatnonzero(wall < -PIT_DEPTH + 1e-3)
    shut = np.flatnonzero(wall > PIT_DEPTH - 1e-3)
    pits = [x[b] - x[a] for a, b in zip(deep, shut)]
    small = np.flatnonzero((np.abs(wall) > 1e-4) & (np.abs(wall) < PIT_DEPTH - 1e-3))
    stumps = [wall[a] for a, b in itertools.pairwise(small) if b == a + 1 and wall[a] > 0]
    alone = [a for a in small if a + 1 not in small and a - 1 not in small]
    steps = [abs(wall[a]) for a in alone if a < NUM_KNOTS - 1]  # the end of the terrain may cut a stump
    return pits, stumps, steps


@pytest.mark.parametrize(("kind", "lo", "hi"), [("pit", 2.0, 6.0), ("stump", 0.6, 2.4), ("stair", 0.4, 1.0)])
def test_sizes_fill_the_range_of_the_genome(kind: str, lo: float, hi: float) -> None:
    unit = {"pit": PIT_UNIT, "stump": STUMP_UNIT, "stair": STAIR_UNIT}[kind]
    one = genome(**{kind: (round(lo / unit), round(hi / unit))})
    keys = jax.random.split(jax.random.key(5), 64)
    terrains = build_64(keys, one)
    seen: dict = {"pit": [], "stump": [], "stair": []}
    for terrain in zip(*terrains):
        for name, found in zip(seen, measure(Terrain(*terrain))):
            seen[name] += found
    assert all(not found for name, found in seen.items() if name != kind), "an absent kind must not appear"
    sizes = np.array(seen[kind])
    assert len(sizes) > 400
    assert sizes.min() > lo - 1e-3
    assert sizes.max() < hi + 1e-3
    assert abs(sizes.mean() - (lo + hi) / 2) < 0.05 * (hi - lo)


def test_kinds_are_equally_likely_and_grass_sections_have_5_to_9_knots() -> None:
    counts, runs = {"pit": 0, "stump": 0, "stair": 0}, []
    one = genome(pit=(2, 2), stump=(2, 2), stair=(2, 2))
    for seed in range(120):
        _, _, obstacles = reference(draw_uniforms(jax.random.key(seed)), one)
        for (a, kind, size), (b, _, _) in itertools.pairwise(obstacles):
            length = {"pit": int(np.ceil(1 + size)) + 2, "stump": 1, "stair": TREAD_STEPS + 1}[kind]
            counts[kind] += 1
            runs.append(b - a - length)
    assert set(runs) == {5, 6, 7, 8, 9}
    shares = np.array(list(counts.values())) / sum(counts.values())
    np.testing.assert_allclose(shares, 1 / 3, atol=0.04)


def test_push_is_a_small_force_in_both_directions() -> None:
    push = np.asarray(build_64(jax.random.split(jax.random.key(6), 64), genome()).push)
    assert -5 <= push.min() < -4
    assert 4 < push.max() < 5
    assert len(set(push.tolist())) == 64


def test_one_program_for_every_genome() -> None:
    traces = []

    @jax.jit
    def traced(key, one):
        traces.append(1)
        return build_terrain(key, one)

    for one in GENOMES.values():
        traced(jax.random.key(0), one)
    assert len(traces) == 1


def test_equal_keys_give_equal_terrains() -> None:
    first, again, other = (build(jax.random.key(k), GENOMES["all"]) for k in (7, 7, 8))
    assert all((a == b).all() for a, b in zip(first, again))
    assert not (first.right == other.right).all()
