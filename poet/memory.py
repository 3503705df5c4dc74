"""What options would need in memory, compared with what this machine has, before anything is allocated.

Knows no jax.
"""

import os
from pathlib import Path

from poet.errors import ConfigError

CGROUP = Path("/sys/fs/cgroup/memory.max")  # a container's limit
UNITS = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"))


def total_memory() -> int:
    """Bytes of memory that this process can have at most."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(installed, int(CGROUP.read_text()))
    except (OSError, ValueError):  # there is no limit
        return installed


def require_memory(num_bytes: float, options: str) -> None:
    """Raise `ConfigError` if this machine cannot hold so many bytes; `options` names what needs them, with values.

    An estimate from below: what passes may still not fit.

    >>> require_memory(1e18, "learner.population 100000000000")
    Traceback (most recent call last):
    ...
    poet.errors.ConfigError: learner.population 100000000000 would need 1e+03 PB of memory or more, ...
    """
    if num_bytes > total_memory():
        raise ConfigError(
            f"{options} would need {_in_words(num_bytes)} of memory or more, and this machine has "
            f"{_in_words(total_memory())}: choose smaller numbers"
        )


def _in_words(num_bytes: float) -> str:
    size, unit = next(((size, unit) for size, unit in UNITS if num_bytes >= size), UNITS[-1])
    return f"{num_bytes / size:.3g} {unit}"
