"""The settings of jax under which all our programs run, whatever the session of the user has set.

Some of them change the bits of results (x64, the generator of random numbers, the precision of matrix products), others
turn what is intended into an error (rank promotion, transfer guards, checks for NaN, which is data here). They are
pinned by context managers of jax. These belong to a thread, so work in threads of ours is pinned there again.
"""

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Any

import jax

from poet.activity import notice_compilation
from poet.errors import ConfigError

# Context manager of jax -> the value under which we run. The option of that name starts with "jax_".
_PINNED: dict[str, Any] = {
    "enable_x64": False,
    "default_prng_impl": "threefry2x32",
    "threefry_partitionable": True,
    "default_matmul_precision": None,
    "numpy_dtype_promotion": "standard",
    "numpy_rank_promotion": "allow",
    "transfer_guard": "allow",
    "debug_nans": False,
    "debug_infs": False,
    "disable_jit": False,
    "check_tracer_leaks": False,
    "debug_key_reuse": False,
}
# What else changes bits and has no context manager: recorded with each session of a run, and named where it differs.
_VARIABLES = ("XLA_FLAGS", "LIBTPU_INIT_ARGS")
_OPTIONS = (
    "jax_high_dynamic_range_gumbel",
    "jax_optimization_level",
    "jax_exec_time_optimization_effort",
    "jax_memory_fitting_level",
    "jax_memory_fitting_effort",
    "jax_random_seed_offset",
)


@contextlib.contextmanager
def pinned() -> Iterator[None]:
    """Run a block, or as a decorator a function, under these settings.

    Raises `ConfigError` where jax finds no device.

    >>> with jax.enable_x64(True), pinned():
    ...     print(jax.numpy.zeros(2).dtype)
    float32
    """
    _require_device()
    notice_compilation()
    with contextlib.ExitStack() as stack:
        for name, value in _PINNED.items():
            stack.enter_context(getattr(jax, name)(value))
        yield


@functools.cache
def _require_device() -> None:
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # the latter for an accelerator whose plug-in is not installed
        chosen = os.environ.get("JAX_PLATFORMS")
        advice = f"unset JAX_PLATFORMS, which is {chosen!r}, or install" if chosen else "install"
        why = str(error).strip().partition("\n")[0]
        raise ConfigError(
            f"jax finds no device{f' ({why})' if why else ''}: {advice} jax for this machine's accelerator"
        ) from error


def overridden() -> dict[str, tuple[Any, Any]]:
    """The settings of the user's session that have no effect on us, by option: theirs and ours.

    >>> with jax.default_prng_impl("rbg"):
    ...     overridden()
    {'jax_default_prng_impl': ('rbg', 'threefry2x32')}
    """
    chosen = {f"jax_{name}": (getattr(jax.config, f"jax_{name}", value), value) for name, value in _PINNED.items()}
    # A guard that is not set and the default of precision are the same as ours.
    return {name: pair for name, pair in chosen.items() if pair[0] not in (pair[1], None)}


def other_settings() -> dict[str, str]:
    """The settings that are not pinned and may change bits, by environment variable or option of jax."""
    variables = {name: os.environ.get(name, "") for name in _VARIABLES}
    return variables | {name: str(jax.config.values[name]) for name in _OPTIONS if name in jax.config.values}
