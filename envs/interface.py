"""What an agent sees of an environment, as JSON and back: stored with a run, so that its agents can be read without
the package of the environment.
"""

import collections
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from poet.checked import NATURAL, check
from poet.envs.base import Box, Discrete, Generator, Interface, MultiDiscrete, Observation
from poet.errors import ConfigError, RunError, ShapeError
from poet.types import Genome

SPACES = {space.__name__: space for space in (Box, Discrete, MultiDiscrete)}
FORM = {
    "id": str,
    "obs": {"shape?": [NATURAL], "dtype?": str, "name?": str, "fields?": dict},
    "action": {
        "type": str,
        "shape?": [NATURAL],
        "low?": (float, [float]),
        "high?": (float, [float]),
        "num?": NATURAL,
        "nums?": [NATURAL],
    },
    "horizon": NATURAL,
    "info?": [str],
}


def interface_to_dict(interface: Interface) -> dict[str, Any]:
    """JSON-ready.

    >>> observations = jax.ShapeDtypeStruct((4,), jnp.float32)
    >>> interface_to_dict(Interface("point-v1", observations, Discrete(3), horizon=10))["action"]
    {'type': 'Discrete', 'num': 3}
    """
    action = {"type": type(interface.action).__name__, **_lists(interface.action._asdict())}
    return {**_lists(interface._asdict()), "obs": _observation_to_dict(interface.obs), "action": action}


def interface_from_dict(data: Mapping[str, Any]) -> Interface:
    """Inverse of `interface_to_dict`. Raises `RunError` for anything else."""
    try:
        check(data, FORM)
        fields = dict(data)
        action = dict(fields.pop("action"))
        space = SPACES[action.pop("type")](**_tuples(action))
        obs = _observation_from_dict(fields["obs"])
        return Interface(**_tuples({**fields, "obs": obs, "action": space}))
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"expected the observation and action spaces of an environment, got {data!r:.300}") from error


def _observation_to_dict(obs: Any) -> dict[str, Any]:
    if isinstance(obs, jax.ShapeDtypeStruct):
        return {"shape": list(obs.shape), "dtype": str(obs.dtype)}
    return {"name": type(obs).__name__, "fields": {name: _observation_to_dict(each) for name, each in _named(obs)}}


def _named(obs: Any) -> Any:
    return obs._asdict().items()


def _observation_from_dict(data: Mapping[str, Any]) -> Observation:
    if "fields" not in data:
        return jax.ShapeDtypeStruct(tuple(data["shape"]), jnp.dtype(data["dtype"]))
    kind: Any = collections.namedtuple(data["name"], data["fields"])
    return kind(*map(_observation_from_dict, data["fields"].values()))


def generator_identity(generator: Generator) -> dict[str, Any]:
    """What must not change of a generator when a run is resumed, JSON-ready: id, version and interface."""
    return {
        "generator": {"id": generator.id, "version": generator.version},
        "interface": interface_to_dict(generator.environment.interface),
    }


def check_genome(generator: Generator, genome: Genome) -> None:
    """Raise `ShapeError` for a genome of another structure than the generator's, `ConfigError` for one not valid."""
    wanted = generator.simplest()
    shapes = [[(np.shape(leaf), np.asarray(leaf).dtype) for leaf in jax.tree.leaves(tree)] for tree in (wanted, genome)]
    if jax.tree.structure(wanted) != jax.tree.structure(genome) or shapes[0] != shapes[1]:
        raise ShapeError(f"expected a genome of {generator.id} like {wanted}, got {genome}")
    valid, reason = generator.check(genome)
    if not valid:
        raise ConfigError(
            f"expected a valid genome of {generator.id} to start with, got {genome}: {generator.reasons[int(reason)]}"
        )


def _lists(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if type(value) is tuple else value for name, value in fields.items()}


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
