"""From a config to a run on disk: the one call that the command makes."""

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poet.runs.cache import use_cache
from poet.runs.config import Config
from poet.runs.folder import claim, cores
from poet.runs.fork import fork
from poet.runs.parts import tell

if TYPE_CHECKING:
    from poet.runs.progress import Reporter
    from poet.runs.runner import Outcome


def prepare(root: Path, devices: int | None) -> None:
    """Set up what jax reads once, before it computes: a device for each core, and the compilation cache."""
    if "jax" in sys.modules and "JAX_NUM_CPU_DEVICES" not in os.environ:  # imported, so too late for the environment
        import jax

        with contextlib.suppress(RuntimeError):  # it has computed: what devices it has stay
            jax.config.update("jax_num_cpu_devices", devices or cores())
    else:
        os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(devices or cores()))
    use_cache(root)


def run(
    config: Config,
    path: Path | str,
    *,
    source: Path | str | None = None,
    media: Callable[[Path, str], None] | None = None,
    sinks: Sequence[Callable[[Sequence[dict[str, Any]]], None]] = (),
    reporter: "Reporter | None" = None,
    **parts: Any,
) -> "Outcome":
    """Start a run in a folder, or go on with it; returns when it is done or was asked to stop.

    Args:
      config: Every option. On going on, only budget, devices and cadences may differ from those of the start.
      path: The run folder; the compilation cache lies beside it.
      source: A run to fork instead of starting afresh.
      media: Makes pictures of the folder at a moment ("early", "milestone", "end"); may fail.
      sinks: Called with the journal rows of each iteration, as for an external tracker; may fail.
      reporter: Where progress is shown; by default on standard output.
      parts: One's own in place of what the config names: for POET a `generator`, and environments to `start` with; for
        MAP-Elites a `scoring` and its `archive`. What can be told of them belongs to the run's identity, and going on
        takes them again.

    Raises `RunError` where the folder cannot be used or the disk fails, `ConfigError` for impossible options.
    """
    path = Path(path)
    told = tell(parts)
    if source is not None:
        fork(Path(source), path, config.to_dict(), told)
    with claim(path, config.to_dict(), told) as record:
        prepare(path.parent, config.execution.devices)
        # Only now, so that a folder which cannot be used is refused at once: jax alone takes a second to import.
        from poet.runs.build import build
        from poet.runs.progress import Reporter
        from poet.runs.runner import drive

        search = build(config, **parts)
        return drive(search, config, path, record, reporter=reporter or Reporter(), media=media, sinks=sinks)
