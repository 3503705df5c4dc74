"""What the JSON of genomes has in common."""

from collections.abc import Sequence
from typing import Any

from poet.errors import ConfigError


def check_fields(data: Any, id: str, version: int, names: Sequence[str]) -> None:
    """Raise `ConfigError` unless this is the JSON of a genome of this generator, with these fields and no others."""
    if not isinstance(data, dict) or (data.get("id"), data.get("version")) != (id, version):
        raise ConfigError(f"expected a genome of {id!r} version {version}, got {data!r:.200}")
    fields = {"id", "version", *names}
    if set(data) != fields:
        raise ConfigError(f"a {id!r} genome must have the fields {sorted(fields)}, got {sorted(data)}")
