"""MAP-Elites whose elites are pairs: a solved environment with the agent that solves it.

Cells are environments by their features. Children come from mutating both: the environment of an elite by its
generator, its agent by noise; agents of neighbouring cells are tried too (a transfer, as in Wang et al. 2019, arXiv
1901.01753). Whoever solves a child takes its cell, if it scores better than the elite there. A child that nobody
solves but somebody nearly does, and that would open a cell, becomes a pupil: an agent goes on learning in it, by POET's
learner, until it is solved or given up. The first pupil is the generator's simplest environment.
"""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poet.agents.policy import Policy
from poet.archives.base import NOBODY, Archive, Entries, entries
from poet.archives.layout import check_objectives, num_rows
from poet.archives.stats import summary
from poet.archives.table import columns
from poet.envs.base import Generator
from poet.errors import unknown
from poet.executors.base import Executor, Ground, Task
from poet.learners.base import Learner
from poet.search.base import Info, Search, Snapshot
from poet.search.pairs.config import PairsConfig
from poet.types import Genome, Key, PyTree, derive

# First part of every key, one for each use of randomness.
START, PARENT, MUTATE, VARY, SCORE, LEARN, GROUND, BEGIN = range(8)
SOURCES = ("parent", "variant", "neighbour", "pupil", "transfer")  # what made an elite, as numbers of emitters


class Pupils(NamedTuple):
    """K environments in which an agent learns, free where `age` is -1."""

    genome: Genome  # leaves [K, ...]
    learner: PyTree  # leaves [K, ...]
    age: np.ndarray  # i64[K], learner steps done
    parent: np.ndarray  # u32[K, 2], id of the elite that it was mutated from


class State(NamedTuple):
    """A checkpoint is exactly this."""

    key: Key  # of the run; never advanced
    iteration: np.ndarray  # i64[]
    env_steps: np.ndarray  # i64[]
    evaluations: np.ndarray  # i64[], of an agent in an environment
    archive: PyTree
    pupils: Pupils
    graduate: PyTree  # learner of the last pupil that solved its environment: later ones go on with its optimiser


class Candidate(NamedTuple):
    """An agent that is to be tried in an environment."""

    params: np.ndarray
    source: int
    parents: np.ndarray  # u32[2, 2]


Offer = tuple[Genome, float, Candidate]  # an environment, the score there, and whose it is


def feature_places(generator: Generator, names: Sequence[str]) -> list[int]:
    """Places of the named features, of all if none is named. Raises `ConfigError` for one that there is not."""
    known = list(generator.feature_names)
    for name in names:
        if name not in known:
            raise unknown(f"feature of {generator.id}:", name, known)
    return [known.index(name) for name in names] if names else list(range(len(known)))


def pairs(
    config: PairsConfig, generator: Generator, policy: Policy, learner: Learner, executor: Executor, archive: Archive
) -> Search:
    """An archive of solved environments with their solvers; its descriptor is `config.features`.

    Raises `ConfigError` for features that the generator does not have, or an archive of several objectives.
    """
    places = feature_places(generator, config.features)
    episodes = 1 if generator.deterministic else config.eval_episodes
    check_objectives(archive.spec, 1)
    add, elites_of = jax.jit(archive.add), jax.jit(archive.elites)
    mutate = jax.jit(jax.vmap(generator.mutate, in_axes=(0, 0, None)))
    check, features = jax.jit(jax.vmap(generator.check)), jax.jit(jax.vmap(generator.features))
    begin, go_on = jax.jit(learner.init), jax.jit(learner.with_params)
    simplest = jax.tree.map(np.asarray, generator.simplest())
    example = {"genome": simplest, "params": jax.ShapeDtypeStruct((policy.num_params,), jnp.float32)}

    def init(key: Key) -> State:
        start = jax.tree.map(np.asarray, begin(derive(key, BEGIN), policy.init(derive(key, START))))
        pupils = jax.tree.map(
            lambda leaf: np.stack([leaf] * config.pupils), Pupils(simplest, start, np.array(-1), np.full(2, NOBODY))
        )
        pupils.age[0] = 0
        zero = np.array(0, np.int64)
        return State(key, zero, zero, zero, archive.init(example), pupils, start)

    def step(state: State) -> tuple[State, Info]:
        tick = _Tick(state)
        tick.learn()
        tick.breed()
        return tick.finish()

    class _Tick:
        """One iteration in the making."""

        def __init__(self, state: State) -> None:
            self.began = time.perf_counter()
            self.state = state
            self.iteration = int(state.iteration)
            self.pupils = jax.tree.map(np.array, state.pupils)
            self.graduate = state.graduate
            self.archive = state.archive
            self.events: list[dict[str, Any]] = []
            self.steps = self.evaluations = self.number = 0
            self.counts = dict.fromkeys(("added", "improved", "beaten", "not_finite", "outside", "clipped"), 0)
            self.pupil_scores: list[float] = []
            self.made = {name: {"added": 0, "improved": 0} for name in SOURCES}

        def key(self, phase: int, *identity: int) -> Key:
            return derive(self.state.key, phase, self.iteration, *identity)

        def grounds(self, genome: Genome, phase: int, name: int) -> list[Ground]:
            return [Ground(genome, self.key(phase, name, episode)) for episode in range(episodes)]

        def table(self) -> dict[str, np.ndarray]:
            return columns(archive.spec, jax.tree.map(np.asarray, elites_of(self.archive)))

        def learn(self) -> None:
            """A learner step of every pupil; those that have solved their environment become elites."""
            slots = [int(slot) for slot in np.flatnonzero(self.pupils.age >= 0)]
            if not slots:
                return
            tasks = []
            for slot in slots:
                genome, state = (_row(tree, slot) for tree in (self.pupils.genome, self.pupils.learner))
                ground = self.grounds(genome, GROUND, slot)[:1]
                tasks.append(Task(state, self.key(LEARN, slot), ground, self.grounds(genome, SCORE, slot)))
            offers = []
            for slot, task, done in zip(slots, tasks, executor.optimise(tasks)):
                self.steps += done.steps
                self.evaluations += done.episodes
                score, params = float(done.score.fitness.mean()), np.asarray(learner.params(task.learner))
                genome = _row(self.pupils.genome, slot)
                self.pupil_scores.append(score)
                if score >= config.solved and (done.score.success >= 1).all():
                    parents = np.stack([self.pupils.parent[slot], np.full(2, NOBODY)])
                    offers.append((genome, score, Candidate(params, SOURCES.index("pupil"), parents)))
                    self.pupils.age[slot] = -1
                    self.graduate = task.learner
                elif self.pupils.age[slot] + 1 >= config.patience and self.table()["fitness"].size:
                    self.events.append({"event": "given_up", "iteration": self.iteration, "fitness": score})
                    self.pupils.age[slot] = -1
                else:
                    _write(self.pupils.learner, slot, done.learner)
                    self.pupils.age[slot] += 1
            self.offer(offers)

        def breed(self) -> None:
            """Children of elites, each met by its parent's agent, mutants of it, and agents of neighbours."""
            table = self.table()
            if not len(table["fitness"]):
                return
            parents = np.asarray(jax.random.randint(self.key(PARENT), (config.children,), 0, len(table["fitness"])))
            elders = _genomes(table, simplest)
            keys = jax.random.split(self.key(MUTATE), config.children)
            children = jax.tree.map(
                np.asarray, mutate(keys, jax.tree.map(lambda leaf: leaf[parents], elders), config.mutation_strength)
            )
            where = np.asarray(features(children))[:, places]
            sound = np.asarray(check(children)[0])
            tried = [
                (child, self.candidates(table, int(parents[child]), where[child], child))
                for child in range(config.children)
                if sound[child]
            ]
            scores = self.scores([(_row(children, child), some, child) for child, some in tried])
            offers, prospects = [], []
            for (child, some), (fitness, reached) in zip(tried, scores):
                best = int(np.argmax(np.where(np.isfinite(fitness), fitness, -np.inf)))
                found = (_row(children, child), float(fitness[best]), some[best])
                if fitness[best] >= config.solved and reached[best]:
                    offers.append(found)
                elif fitness[best] >= config.pupil_score:
                    prospects.append((found, table["id"][parents[child]], child))
            self.offer(offers)
            self.transfer(offers)
            self.enrol(prospects)

        def candidates(self, table: dict, parent: int, where: np.ndarray, child: int) -> list[Candidate]:
            """Who is tried in a child."""
            params, ids, size = table["params"], table["id"], len(table["fitness"])
            nobody = np.full(2, NOBODY)
            some = [Candidate(params[parent], SOURCES.index("parent"), np.stack([ids[parent], nobody]))]
            iso, line, other = (jax.random.fold_in(self.key(VARY, child), use) for use in range(3))
            others = np.asarray(jax.random.randint(other, (config.variants,), 0, size))
            noise = np.asarray(jax.random.normal(iso, (config.variants, policy.num_params)))
            along = np.asarray(jax.random.normal(line, (config.variants, 1)))
            mutants = (
                params[parent]
                + config.iso_sigma * noise
                + config.line_sigma * along * (params[others] - params[parent])
            )
            some += [
                Candidate(mutant, SOURCES.index("variant"), np.stack([ids[parent], ids[second]]))
                for mutant, second in zip(mutants.astype(np.float32), others)
            ]
            for near in self.nearest(table, where, parent):
                some.append(Candidate(params[near], SOURCES.index("neighbour"), np.stack([ids[parent], ids[near]])))
            return some

        def nearest(self, table: dict, where: np.ndarray, itself: int) -> list[int]:
            low, high = np.array(archive.spec["bounds"], np.float32).T
            apart = np.square((table["descriptor"] - where) / (high - low)).sum(1)
            return [int(row) for row in np.argsort(apart, kind="stable") if row != itself][: config.neighbours]

        def transfer(self, offers: list[Offer]) -> None:
            """Agents of new elites are tried in the environments of their neighbours."""
            table = self.table()
            genomes, tried = _genomes(table, simplest), []
            for genome, _, candidate in offers:
                where = np.asarray(features(jax.tree.map(lambda leaf: leaf[None], genome)))[0, places]
                for near in self.nearest(table, where, -1):
                    parents = np.stack([table["id"][near], candidate.parents[0]])
                    moved = Candidate(candidate.params, SOURCES.index("transfer"), parents)
                    tried.append((_row(genomes, near), [moved], config.children + near))
            scores = self.scores(tried)
            self.offer(
                [
                    (genome, float(fitness[0]), some[0])
                    for (genome, some, _), (fitness, reached) in zip(tried, scores)
                    if fitness[0] >= config.solved and reached[0]
                ]
            )

        def scores(self, tried: list[tuple[Genome, list[Candidate], int]]) -> list[tuple[np.ndarray, np.ndarray]]:
            """Mean score of each candidate in its environment, and whether it reached the goal each time."""
            if not tried:
                return []
            agents, worlds, each = [], [], []
            for genome, some, name in tried:
                first = len(worlds)
                worlds += self.grounds(genome, SCORE, config.pupils + name)
                for candidate in some:
                    each += [(len(agents), first + episode) for episode in range(episodes)]
                    agents.append(candidate.params)
            result = executor.evaluate(agents, worlds, each)
            self.steps += int(result.length.sum())
            self.evaluations += len(each)
            fitness = result.fitness.reshape(-1, episodes).mean(axis=1, dtype=np.float32)
            reached = (result.success.reshape(-1, episodes) >= 1).all(axis=1)
            cuts = np.cumsum([len(some) for _, some, _ in tried])[:-1]
            return list(zip(np.split(fitness, cuts), np.split(reached, cuts)))

        def enrol(self, prospects: list[tuple[Offer, np.ndarray, int]]) -> None:
            """Give free places to pupils: those who would open a cell, the nearest to solving their child first."""
            free = np.flatnonzero(self.pupils.age < 0)
            if not len(free) or not prospects:
                return
            opens = np.asarray(add(self.archive, self.entries([found for found, _, _ in prospects]))[1].status) == 2
            promising = [prospect for prospect, new in zip(prospects, opens) if new]
            promising.sort(key=lambda prospect: -prospect[0][1])
            for slot, ((genome, _, candidate), parent, child) in zip(map(int, free), promising):
                _write(self.pupils.genome, slot, genome)
                # Steps as large as those that make a walker of a fresh agent would unmake it again.
                _write(self.pupils.learner, slot, go_on(self.key(BEGIN, child), self.graduate, candidate.params))
                self.pupils.age[slot], self.pupils.parent[slot] = 0, parent

        def offer(self, offers: list[Offer]) -> None:
            """Hand solved pairs to the archive; in blocks of one size, so that nothing compiles anew."""
            for at in range(0, len(offers), config.children):
                self._offer(offers[at : at + config.children])

        def entries(self, offers: list[Offer]) -> Entries:
            """Up to as many as there are children in an iteration, filled up to that size."""
            full = offers + [offers[0]] * (config.children - len(offers))
            genomes = jax.tree.map(lambda *leaves: np.stack(leaves), *(genome for genome, _, _ in full))
            batch = entries(
                {"genome": genomes, "params": np.stack([candidate.params for _, _, candidate in full])},
                jnp.asarray([fitness for _, fitness, _ in full], jnp.float32),
                features(genomes)[:, np.array(places)],
                parents=jnp.asarray(np.stack([candidate.parents for _, _, candidate in full])),
                emitter=jnp.asarray([candidate.source for _, _, candidate in full], jnp.int32),
                valid=jnp.arange(config.children) < len(offers),
            )
            return batch._replace(id=batch.id + np.array([self.iteration, self.number], np.uint32))

        def _offer(self, offers: list[Offer]) -> None:
            batch = self.entries(offers)
            self.number += len(offers)
            self.archive, info = add(self.archive, batch)
            for name in self.counts:
                self.counts[name] += int(getattr(info.counts, name))
            for row, (genome, fitness, candidate) in enumerate(offers):
                if info.stored[row]:
                    became = "added" if info.added[row] else "improved"
                    self.made[SOURCES[candidate.source]][became] += 1
                    self.events.append(
                        {
                            "event": "elite",
                            "iteration": self.iteration,
                            "cell": int(info.cell[row]),
                            "id": [int(part) for part in batch.id[row]],
                            "via": SOURCES[candidate.source],
                            "fitness": fitness,
                            "new": became == "added",
                            "genome": generator.to_json(genome),
                        }
                    )

        def finish(self) -> tuple[State, Info]:
            state = State(
                self.state.key,
                np.array(self.iteration + 1, np.int64),
                np.array(self.state.env_steps + self.steps, np.int64),
                np.array(self.state.evaluations + self.evaluations, np.int64),
                self.archive,
                self.pupils,
                self.graduate,
            )
            elites = jax.tree.map(np.asarray, elites_of(state.archive))
            whole = summary(archive.spec, elites)
            row = {
                "event": "iteration",
                "iteration": self.iteration,
                "env_steps": int(state.env_steps),
                "evaluations": int(state.evaluations),
                **{name: float(getattr(whole, name)) for name in ("coverage", "qd_score", "best", "mean")},
                "pupils": int((self.pupils.age >= 0).sum()),
                "pupil_best": max(filter(np.isfinite, self.pupil_scores), default=None),
                "solved": config.solved,
                **self.counts,
                "emitters": self.made,
            }
            wall = {**executor.wall(), "step_s": time.perf_counter() - self.began}
            return state, Info((*self.events, row), {}, wall, lambda: _snapshot(state, elites))

    def _snapshot(state: State, elites: Any) -> Snapshot:
        table = columns(archive.spec, elites)
        own = ("cell", "fitness", "descriptor", "id", "parents", "emitter")
        meta = {
            "spec": dict(archive.spec),
            "iteration": int(state.iteration),
            "evaluations": int(state.evaluations),
            "payload": {
                name: {"shape": list(column.shape[1:]), "dtype": str(column.dtype)}
                for name, column in table.items()
                if name not in own
            },
            "rows": num_rows(archive.spec),
            "descriptor_names": [generator.feature_names[place] for place in places],
            "fitness_bounds": None,
            "problem": {"id": generator.id},
        }
        return Snapshot(meta, table)

    return Search(init, step)


def _row(tree: PyTree, index: int) -> PyTree:
    return jax.tree.map(lambda leaf: np.asarray(leaf[index]), tree)


def _write(tree: PyTree, index: int, item: PyTree) -> None:
    jax.tree.map(lambda leaf, value: leaf.__setitem__(index, np.asarray(value)), tree, item)


def _genomes(table: dict[str, np.ndarray], like: Genome) -> Genome:
    """The genomes of a table's rows, by the names that `columns` gives their leaves."""
    paths, structure = jax.tree.flatten_with_path(like)
    names = ["genome." + jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in paths]
    return jax.tree.unflatten(structure, [table[name] for name in names])
