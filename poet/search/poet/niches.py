"""The life of a niche: admission, a new agent, the best agent so far, retirement, and its record."""

import functools
import math
from typing import Any

import numpy as np

from poet.envs.base import Generator
from poet.search.base import Record
from poet.search.host import get_item, set_item
from poet.search.keys import PoetPhase
from poet.search.poet.context import Components, StepContext
from poet.search.poet.state import VIA, NicheHistory, PoetState, active_slots, grow_if_full
from poet.types import Genome, Params


def admit(
    context: StepContext,
    genome: Genome,
    params: Params,
    *,
    parent: int = -1,
    agent_from: int = -1,
    via: str = "start",
    fitness: float = np.nan,
    novelty: float = np.nan,
) -> int:
    """Create a niche, retiring the oldest if there is no free slot; returns its id."""
    context.state = context.state._replace(history=grow_if_full(context.state.history))
    niches, history = context.state.niches, context.state.history
    if not (niches.id < 0).any():
        retire(context, active_slots(niches)[0])
    slot = int(np.flatnonzero(niches.id < 0)[0])
    niche = int(history.num)
    history.num[...] += 1
    set_item(history.genome, niche, genome)
    history.features[niche] = context.components.features(genome)
    history.parent[niche], history.agent_from[niche] = parent, agent_from
    history.via[niche] = VIA.index(via)
    history.born[niche], history.retired[niche], history.solved[niche] = context.iteration, -1, -1
    history.admission_fitness[niche], history.novelty[niche] = fitness, novelty
    niches.id[slot] = niche
    set_item(niches.genome, slot, genome)
    niches.recent[slot], niches.reached[slot], niches.best[slot] = np.nan, False, -np.inf
    niches.best_params[slot] = niches.admission_params[slot] = np.asarray(params)
    set_agent(context, slot, params)
    return niche


def log_admission(context: StepContext, niche: int) -> None:
    """Append the event of a niche's admission."""
    history = context.state.history
    novelty = _none_if_not_finite(history.novelty[niche])
    context.log_event(
        "admission",
        niche=niche,
        parent=_none_if_negative(history.parent[niche]),
        **described(context.components.generator, history, niche),
        novelty=novelty,
        agent_from=_none_if_negative(history.agent_from[niche]),
        via=VIA[int(history.via[niche])],
        fitness=float(history.admission_fitness[niche]),
    )


def set_agent(context: StepContext, slot: int, params: Params, source: int = 0) -> None:
    """Give a niche other weights and a new optimiser."""
    niches, niche = context.state.niches, int(context.state.niches.id[slot])
    key = context.key(PoetPhase.SET_AGENT, niche, source)
    set_item(niches.learner, slot, context.components.init_learner(key, params))


def update_best(context: StepContext, slot: int, score: float, reached: bool, params: Params) -> None:
    """Keep a niche's best agent, and the iteration in which it was first solved.

    A score that is not finite changes nothing.
    """
    if not math.isfinite(score):
        return
    niches, history = context.state.niches, context.state.history
    if score > niches.best[slot]:
        niches.best[slot] = score
        niches.best_params[slot] = params
    niche = int(niches.id[slot])
    if score >= context.components.thresholds.solved_score and reached and history.solved[niche] < 0:
        history.solved[niche] = context.iteration
        context.log_event("milestone", niche=niche, kind="solved", fitness=float(score))


def retire(context: StepContext, slot: int) -> None:
    """Free a niche's slot; its environment and agents stay on record."""
    niches, history = context.state.niches, context.state.history
    niche = int(niches.id[slot])
    history.retired[niche] = context.iteration
    # Made now, since another niche takes the slot before records are written.
    record = niche_record(context.components, context.state, slot, context.iteration)
    record = record._replace(arrays={**record.arrays, "retirement": record.arrays["current"]})
    context.artifacts[artifact_name(niche)] = lambda: record
    age = context.iteration - int(history.born[niche])
    fitness, solved = float(niches.recent[slot, -1]), bool(history.solved[niche] >= 0)
    context.log_event("retirement", niche=niche, age=age, fitness=fitness, solved=solved)
    niches.id[slot] = -1


def record_active(context: StepContext) -> None:
    """Promise the records of all active niches; call it last, since they are made from the state as it is then."""
    for slot in active_slots(context.state.niches):
        make = functools.partial(niche_record, context.components, context.state, slot, context.iteration)
        context.artifacts[artifact_name(int(context.state.niches.id[slot]))] = make


def artifact_name(niche: int) -> str:
    """The place of a niche's record in the run folder."""
    return f"niches/{niche}"


def niche_record(components: Components, state: PoetState, slot: int, iteration: int) -> Record:
    """What is kept on disk of a niche: its genome, its history and its agents."""
    niches, history = state.niches, state.history
    niche = int(niches.id[slot])
    meta = {
        "id": niche,
        **described(components.generator, history, niche),
        "parent": _none_if_negative(history.parent[niche]),
        "agent_from": _none_if_negative(history.agent_from[niche]),
        "via": VIA[int(history.via[niche])],
        "born": int(history.born[niche]),
        "retired": _none_if_negative(history.retired[niche]),
        "solved": _none_if_negative(history.solved[niche]),
        "admission_fitness": _none_if_not_finite(history.admission_fitness[niche]),
        "novelty": _none_if_not_finite(history.novelty[niche]),
        "fitness": _none_if_not_finite(niches.recent[slot, -1]),
        "best": _none_if_not_finite(niches.best[slot]),
        "iteration": iteration,
    }
    agents = {
        "admission": niches.admission_params[slot].copy(),
        "best": niches.best_params[slot].copy(),
        "current": components.params(get_item(niches.learner, slot)),
    }
    return Record(meta, agents)


def described(generator: Generator, history: NicheHistory, niche: int) -> dict[str, Any]:
    """A genome as JSON, in words, and as named numbers."""
    genome = get_item(history.genome, niche)
    classify = getattr(generator, "difficulty_class", lambda genome: "")
    return {
        "genome": generator.to_json(genome),
        "description": generator.describe(genome),
        "features": {name: float(value) for name, value in zip(generator.feature_names, history.features[niche])},
        "difficulty": classify(genome),
    }


def _none_if_negative(value: Any) -> int | None:
    return None if value < 0 else int(value)


def _none_if_not_finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
