"""A run with agents on file: what replays, evaluations and exports need.

Weights, tables and most figures need no generator. Its interface is in run.json, so that weights have a meaning where
the package of the generator is not installed. Imports no jax before a generator or a policy is made.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from poet import configs
from poet.agents.config import EngineConfig, PolicyConfig, XLAEngineConfig, engines, policies
from poet.checked import check
from poet.command_line import command
from poet.envs.config import generators, problems
from poet.errors import ConfigError, PoetError, named_errors
from poet.registry import RENAMED
from poet.view.run import Run

if TYPE_CHECKING:
    from poet.agents.policy import Policy
    from poet.envs.base import Environment, Generator, Interface, Problem
    from poet.types import Genome, Params

PART = {"id": str}  # in the options: what comes from a registry


class Caption(NamedTuple):
    """Two lines of text below a video.

    Attributes:
      agent: what is known of the agent; may be empty.
      environment: a description of its environment; may be empty.
    """

    agent: str
    environment: str


class AgentRun(Run, abc.ABC):
    """A run with agents. `which` is the number of a niche or an elite, `snapshot` one of the agents it has on file."""

    agent_kind: ClassVar[str] = "agent"  # what owns an agent: a niche, an elite
    options_form: ClassVar = {
        "generator?": (PART, None),
        "problem?": (PART, None),
        "policy?": (PART, None),
        "engine?": (PART, None),
        "search?": ({"solved_score?": (float, None)}, None),
    }

    def __init__(self, path: Path, generator: Generator | None = None) -> None:
        self._generator = generator
        self._policy: Policy | None = None
        super().__init__(path)

    # --- what each kind of run defines ---

    @abc.abstractmethod
    def default_agent(self) -> int:
        """The niche or elite whose agent is shown by default. Raises `RunError` while there is none."""

    @abc.abstractmethod
    def genome(self, which: int) -> Genome:
        """The genome of an agent's environment."""

    @abc.abstractmethod
    def weights(self, which: int, snapshot: str = "best") -> np.ndarray:
        """An agent's weights f32[G], as they are on file."""

    @abc.abstractmethod
    def caption(self, which: int) -> Caption:
        """What to write below a video of an agent."""

    # --- what follows from that ---

    def generator(self) -> Generator:
        """The generator of the run's environments, made once.

        Raises `ConfigError` if it is not installed or cannot be made, and for solutions of a problem, which have no
        environment.
        """
        if self._generator is None:
            overrides = self.meta.get("overrides") or {}
            if "scoring" in overrides:
                raise ConfigError(
                    f"{self.name} has solutions of a user-defined scoring: there are no agents to show in a video, to "
                    "evaluate or to export"
                )
            if "generator" in overrides:
                raise ConfigError(
                    f"{self.name} was started from Python with a custom generator, which the run folder does not hold: "
                    f"open it with open_run({str(self.path)!r}, generator=...)"
                )
            domain = make_domain(self.options)
            with named_errors(f"environment of generator {domain.id!r}"):
                is_generator = hasattr(domain, "environment")
            if not is_generator:
                problem = self.options["problem"]["id"]
                raise ConfigError(
                    f"{self.name} has solutions of problem {problem!r}, which has no environment: "
                    "there are no agents to show in a video, to evaluate or to export"
                )
            self._generator = domain
        return self._generator  # pyright: ignore[reportReturnType]

    def environment(self) -> Environment:
        """The environment that the run's genomes parameterise."""
        generator = self.generator()
        with named_errors(f"environment of generator {generator.id!r}"):
            return generator.environment

    def simplest(self) -> Genome:
        """The genome that the generator starts from."""
        generator = self.generator()
        with named_errors(f"simplest of generator {generator.id!r}"):
            return generator.simplest()

    def describe(self, genome: Genome) -> str:
        """What the generator says of an environment."""
        generator = self.generator()
        with named_errors(f"describe of generator {generator.id!r}"):
            return str(generator.describe(genome))

    def interface(self) -> Interface:
        """What agents observe and do; from run.json where the generator cannot be made.

        Raises `ConfigError` where neither is there.
        """
        try:
            environment = self.environment()
        except ConfigError:
            recorded = (self.meta.get("identity") or {}).get("interface")
            if recorded is None:
                raise
            from poet.envs.interface import interface_from_dict

            return interface_from_dict(recorded)
        with named_errors(f"interface of generator {self.generator().id!r}"):
            return environment.interface

    @property
    def thresholds(self) -> dict[str, float]:
        """The thresholds of the search as returns, by the names of its options; empty where it recorded none."""
        recorded = (self.meta.get("identity") or {}).get("thresholds")
        if recorded is None:  # of a search whose option is a return
            rules = self.options.get("search") or {}
            score = rules.get("solved_score") if rules.get("threshold_unit", "return") == "return" else None
            return {} if score is None else {"solved_score": score}
        try:
            check(recorded, {str: float})
        except ValueError:
            return {}
        return recorded

    @property
    def policy_config(self) -> PolicyConfig:
        """Options of the run's policy. Raises `ConfigError` if it is not installed."""
        if not self.options.get("policy"):
            raise ConfigError(f"the options of {self.name} name no policy")
        return configs.from_dict(policies, self.options["policy"], "policy")

    @property
    def engine_config(self) -> EngineConfig:
        """Options of the run's rollout engine; on another kind of device, where bits differ anyway, its own lanes.

        Raises `ConfigError` if the engine is not installed.
        """
        if not self.options.get("engine"):
            return XLAEngineConfig()
        config = configs.from_dict(engines, self.options["engine"], "engine")
        sessions = self.meta.get("sessions") or [{}]
        platform = sessions[-1].get("devices", {}).get("platform")
        if platform != _local_platform():
            config = dataclasses.replace(config, **dict.fromkeys(config.resolved))
        return config

    def policy(self) -> Policy:
        """The policy that the run's weights belong to."""
        if self._policy is None:
            interface, config = self.interface(), self.policy_config
            with named_errors(f"policy {config.id!r}"):
                self._policy = config.make(interface)
        return self._policy

    def agent(self, which: int, snapshot: str = "best") -> Params:
        """An agent's weights f32[G] for jax. Raises `ShapeError` unless they fit the policy."""
        import jax.numpy as jnp

        from poet.agents.policy import check_params

        weights = jnp.asarray(self.weights(which, snapshot))
        check_params(self.policy(), weights, f"the {snapshot} agent of {self.agent_kind} {which} of {self.name}")
        return weights

    def can_render(self) -> bool:
        """Whether there is an agent, and a generator that can draw it."""
        try:
            if self.is_empty():
                return False
            generator = self.generator()
            return hasattr(generator, "render") or getattr(self.environment(), "can_render", False)
        except ConfigError:
            return False

    def suggested_commands(self) -> tuple[str, ...]:
        """Commands that show the run, with {} for its folder."""
        return (*super().suggested_commands(), *(("video {}",) if self.can_render() else ()))


def _local_platform() -> str:
    import jax

    return jax.local_devices()[0].platform


def require_agents(run: Run) -> AgentRun:
    """The run itself. Raises `ConfigError` if its view gives no access to agents."""
    if isinstance(run, AgentRun):
        return run
    raise ConfigError(
        f"{run.name} is shown by the view {run.id!r}, which gives no access to agents: there are none to show in a "
        f"video, to evaluate or to export. Its metrics are shown by `{command('inspect', run.path)}` and "
        f"`{command('plot', run.path)}`" + (f". {run.warning}" if run.warning else "")
    )


def make_domain(options: Mapping[str, Any]) -> Any:
    """The generator or the problem that a run's options name.

    Raises `ConfigError` if they name none, or it is not installed or cannot be made.
    """
    name = "generator" if options.get("generator") else "problem"
    registries = [generators] if name == "generator" else [generators, problems]
    if not options.get(name):
        raise ConfigError("the options of the run name neither a generator nor a problem")
    id = options[name].get("id")
    try:
        registry = configs.find(registries, id).registry
        domain: Generator | Problem = configs.from_dict(registry, options[name], name).make()
    except PoetError:
        raise
    except Exception as error:  # a plug-in may fail in any way
        raise ConfigError(f"{name} {id!r} cannot be made: {error!r}") from error
    return domain


def read_genome(generator: Generator, data: Mapping[str, Any]) -> Genome:
    """A genome from a file, also if its generator was renamed since. Raises `ConfigError` if it is of another one."""
    renamed = data.get("id") != generator.id and RENAMED.get(str(data.get("id"))) == generator.id
    with named_errors(f"from_json of generator {generator.id!r}"):
        return generator.from_json({**data, "id": generator.id} if renamed else dict(data))
