"""From a config to a run on disk: the one call that the command makes."""

import contextlib
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poet.activity import doing
from poet.errors import ConfigError, ContractError, named_errors, unknown
from poet.files import checked_path
from poet.runs import overrides as user_objects
from poet.runs.cache import use_cache
from poet.runs.fork import fork
from poet.runs.identity import as_recorded, claim, record_config, record_identity
from poet.runs.layout import ROOT
from poet.runs.provenance import num_cores
from poet.runs.sinks import check_sinks
from poet.search.config import RunConfig, presets
from poet.sinks.base import Sink
from poet.sinks.config import SinkConfig
from poet.typed_config import check_value

if TYPE_CHECKING:
    from poet.runs.progress import Reporter
    from poet.runs.runner import RunOutcome
    from poet.search.base import RunContext, Search


def prepare(devices: int | None) -> str:
    """Set up what jax reads once, before it computes: a device for each core, and the compilation cache.

    Returns why there is no cache; empty if there is one.
    """
    num = min(devices or num_cores(), num_cores())  # more are refused once it is known whether there are other devices
    if "jax" in sys.modules and "JAX_NUM_CPU_DEVICES" not in os.environ:  # imported, so too late for the environment
        import jax

        with contextlib.suppress(RuntimeError):  # it has computed already: its devices cannot change
            jax.config.update("jax_num_cpu_devices", num)
    else:
        os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(num))
    return use_cache()


def build_search(config: RunConfig | str, context: "RunContext | None" = None, **overrides: Any) -> "Search":
    """The search that a config describes, to be driven by hand; `overrides` replace objects that the config names.

    `config` may be the name of a preset. Raises `ConfigError` for anything else, and for unknown overrides.

    >>> import poet
    >>> search = poet.build_search(poet.presets.get("map-elites-tiny"))
    >>> search.headline
    ('coverage', 'qd_score', 'best')
    """
    from poet.jax_settings import pinned
    from poet.search.base import RunContext, Search

    config = _find_config(config)
    context = check_value("context", RunContext | None, context)
    make: Any = config.make  # each config declares its own overrides
    known = list(inspect.signature(make).parameters)[1:]
    for name in overrides:
        if name not in known:
            raise unknown(f"argument for a run of {config.id!r}:", name, known)
    with pinned(), named_errors(f"make of {config.id!r}"):
        search = make(context or RunContext(config.executor), **overrides)
    if not isinstance(search, Search):
        raise ContractError(f"make of {config.id!r} must give a poet.Search, got {type(search).__name__}")
    return search._replace(init=pinned()(search.init), step=pinned()(search.step))


def _find_config(config: RunConfig | str) -> RunConfig:
    if isinstance(config, str):
        return presets.get(config)
    if not isinstance(config, RunConfig):
        raise ConfigError(f"config expects an instance of RunConfig or the name of a preset, got {config!r:.200}")
    return config


def run(
    config: RunConfig | str,
    path: Path | str | None = None,
    *,
    source: Path | str | None = None,
    media: Callable[[Path, str], None] | None = None,
    sinks: Sequence[Sink | SinkConfig] = (),
    reporter: "Reporter | None" = None,
    **overrides: Any,
) -> "RunOutcome":
    """Start a run in a folder, or resume it; returns when it is done or was asked to stop.

    Args:
      config: Every option, or the name of a preset. When a run is resumed, only `adjustable` options may differ from
        its start: iterations, max_env_steps, checkpoint_every, keep_every, stop, sinks, chunk of the engine, devices
        and queue of the executor.
      path: The run folder; for a preset that is given by its name, runs/NAME by default.
      source: A run to fork instead of starting a new one.
      media: Makes pictures of the folder at a moment ("early", "milestone", "end"); may fail.
      sinks: Functions that are called with the journal rows of each iteration, and configs of sinks, besides those of
        the config (docs/trackers.md). One that fails or hangs does not disturb the run.
      reporter: Where progress is shown; by default on standard output.
      overrides: Objects in place of those that the config names, as parameters of its `make`: for POET a `generator`,
        and environments to `start` with; for MAP-Elites a `scoring` and its `archive`. What can be described of them
        belongs to the run's identity, and they must be given again to resume.

    Raises `RunError` where the folder cannot be used or the disk fails, `ConfigError` for impossible options, and
    KeyboardInterrupt after Ctrl-C: the state is saved before.
    """
    if path is None and isinstance(config, str):
        path = ROOT / config
    config = _find_config(config)
    # Once and for all: an evaluation may change the directory of the process. A link to the folder itself is followed.
    path = Path(os.path.realpath(checked_path(path)))
    source = None if source is None else checked_path(source, "source")
    media = check_value("media", Callable | None, media)
    sinks = check_value("sinks", tuple[Any, ...], sinks)
    check_sinks((*config.sinks, *sinks))
    described = user_objects.describe(overrides)
    config = as_recorded(path if source is None else source, config)
    if source is not None:
        fork(source, path, config, described)
    with claim(path, config, described) as record, contextlib.ExitStack() as stack:
        from poet.runs.progress import Reporter

        reporter = stack.enter_context(check_value("reporter", Reporter | None, reporter) or Reporter())
        with doing("starting jax"):
            problem = prepare(config.executor.devices)
            # Only now, so that a folder which cannot be used is refused at once.
            from poet.jax_settings import overridden
            from poet.runs.journal import ProcessLog
            from poet.runs.runner import run_search
            from poet.search.base import RunContext

            if problem:
                reporter.message(f"note: there is no compilation cache, so a start takes longer: {problem}")
            for name, (theirs, ours) in overridden().items():
                reporter.message(f"note: {name} {theirs!r} has no effect here: every run uses {ours!r}")
            config = config.resolve()
        record_config(path, record, config)
        log = ProcessLog()
        with doing("building the search"):
            search = build_search(config, RunContext(config.executor, path, log.append), **overrides)
        stack.callback(search.close)
        record_identity(path, record, search.identity)
        return run_search(search, config, path, record, log=log, reporter=reporter, media=media, sinks=sinks)
