"""When a run is done: its budget is used, its target reached, or it is stagnant."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from poet.errors import unknown
from poet.runs.journal import as_read
from poet.search.config import RunConfig, StopConfig
from poet.sinks.points import scalars
from poet.types import PyTree


class Ending(NamedTuple):
    """Why a run is done.

    Attributes:
      text: as "is finished at iteration 12".
      change: what resumes it, as "a larger --iterations".
      options: that do so.
      reason: why it ended before its budget; empty if it did not.
    """

    text: str
    change: str
    options: str
    reason: str = ""


def describe(endings: Sequence[Ending]) -> str:
    """Why a run is done and what resumes it, after its name in a sentence."""
    texts, changes = " and ".join(each.text for each in endings), " and ".join(each.change for each in endings)
    return f"{texts}; {changes} {'resumes' if len(endings) == 1 else 'resume'} it"


class StopRules:
    """The rules of a config, which judge the last iteration by the rows so far, and by nothing else.

    A run that was killed and resumed therefore ends at the same iteration as one that was not.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._value = math.nan  # of the metric in the last iteration
        self._best = math.nan  # its value at the last improvement
        self._stale = 0  # iterations since then
        self._seen = False

    @property
    def active(self) -> bool:
        """Whether there is a metric to judge."""
        return self._config.stop.metric is not None

    def see_all(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take the rows of earlier iterations, in order, among rows of other events."""
        for row in rows:
            if row["event"] == "iteration":
                self.see(row)

    def see(self, row: Mapping[str, Any]) -> None:
        """Take the row of the next iteration. Raises `ConfigError` if the first one has no such metric."""
        rule = self._config.stop
        if rule.metric is None:
            return
        values = scalars(as_read({name: value for name, value in row.items() if name != "wall"}))
        if not self._seen and rule.metric not in values:
            raise unknown("metric for --stop.metric:", rule.metric, values)
        self._seen = True
        self._value = values.get(rule.metric, math.nan)
        if self._improves(rule):
            self._best, self._stale = self._value, 0
        else:
            self._stale += 1

    def _improves(self, rule: StopConfig) -> bool:
        if math.isnan(self._value) or math.isnan(self._best):
            return not math.isnan(self._value)
        gain = self._best - self._value if rule.at_most is not None else self._value - self._best
        return gain > rule.min_change

    def endings(self, state: PyTree) -> list[Ending]:
        """Why the run is done after this state and the rows so far; empty if it is not."""
        return [*self._budgets(int(state.iteration), int(state.env_steps)), *self._rules(int(state.iteration))]

    def _budgets(self, iteration: int, env_steps: int) -> list[Ending]:
        config = self._config
        if iteration >= config.iterations:
            text = f"is finished at iteration {iteration}"
            return [Ending(text, "a larger --iterations", f"--iterations {2 * iteration}")]
        if config.max_env_steps is not None and env_steps >= config.max_env_steps:
            text = f"has used its {config.max_env_steps} environment steps"
            return [Ending(text, "a larger --max-env-steps", f"--max-env-steps {2 * env_steps}")]
        return []

    def _rules(self, iteration: int) -> list[Ending]:
        rule, name, value = self._config.stop, self._config.stop.metric, self._value
        found = []
        if rule.at_least is not None and value >= rule.at_least:
            reason = f"{name} {value:.6g} is at least {rule.at_least:.6g}"
            found.append(Ending("has reached its target", "a larger --stop.at-least", "--stop.at-least None", reason))
        if rule.at_most is not None and value <= rule.at_most:
            reason = f"{name} {value:.6g} is at most {rule.at_most:.6g}"
            found.append(Ending("has reached its target", "a smaller --stop.at-most", "--stop.at-most None", reason))
        if rule.stagnant is not None and self._stale >= rule.stagnant:
            change = f" by more than {rule.min_change:.6g}" if rule.min_change else ""
            reason = f"{name} has not improved on {self._best:.6g}{change} for {self._stale} iterations"
            options = f"--stop.stagnant {2 * self._stale}"
            found.append(Ending("is stagnant", "a larger --stop.stagnant", options, reason))
        return [each._replace(text=f"{each.text} at iteration {iteration}: {each.reason}") for each in found]
