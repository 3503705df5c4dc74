"""What a generator writes and reads: descriptions, names of difficulty, and genomes as JSON."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from poet.envs.base import Generator
from poet.envs.testing.common import call, check_same_spec, fail, optional_method, same_bits, spec_of
from poet.errors import ConfigError, ContractError
from poet.types import Genome, PyTree


def check_texts(generator: Generator, genome: Genome, spec: PyTree) -> None:
    """Check every text about a valid genome, and the genome that is read from its JSON; `spec` is that of genomes."""
    if not _same_text("describe", generator.describe, genome).strip():
        fail("describe must return a non-empty text, got an empty one: describe the level in words")
    if difficulty_class := optional_method(generator, "difficulty_class"):
        _same_text("difficulty_class", difficulty_class, genome)
    data = call("to_json", "it must write every genome", generator.to_json, genome)
    _check_json("to_json", data)
    if (data.get("id"), data.get("version")) != (generator.id, generator.version):
        fail(
            f'to_json must contain "id": {generator.id!r} and "version": {generator.version}, got {data!r:.300}: '
            "add both"
        )
    loaded = call("from_json", "it must read what to_json writes", generator.from_json, data)
    check_same_spec("from_json(to_json(genome))", spec_of("from_json(to_json(genome))", loaded), "simplest()", spec)
    if not same_bits(loaded, genome):
        fail(
            f"from_json(to_json(genome)) must equal the genome bit for bit, but it is not exact: {genome} became "
            f"{loaded}: write all digits"
        )


def check_foreign_json(generator: Generator, genome: Genome) -> None:
    """Check that `from_json` refuses what is not from `to_json`, and the schema of what it accepts."""
    for what, changed in _foreign(generator.to_json(genome)):
        expected = f"from_json must raise ConfigError for {what}"
        try:
            generator.from_json(changed)
        except ConfigError:
            continue
        except Exception as error:
            raise ContractError(f"{expected}, but it raised {error!r}: raise poet.errors.ConfigError") from error
        fail(f"{expected}, but it accepted {changed!r:.300}: compare id, version, fields, types and shapes")
    if json_schema := optional_method(generator, "json_schema"):
        _check_json("json_schema", call("json_schema", "it must run without arguments", json_schema))


def _foreign(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is wrong, and a genome's JSON with that fault."""
    yield "another id or version", {**data, "id": data["id"] + "?"}
    yield "another id or version", {**data, "version": data["version"] + 1}
    yield "another field", {**data, "another field": 0}
    for field in (name for name in data if name not in ("id", "version")):
        yield f"a genome without {field!r}", {name: value for name, value in data.items() if name != field}
        yield f"another shape of {field!r}", {**data, field: [data[field], data[field]]}
        yield f"another type of {field!r}", {**data, field: {"another": "type"}}


def _same_text(name: str, describe: Callable[[Genome], str], genome: Genome) -> str:
    text, again = (call(name, "it must describe every genome", describe, genome) for _ in range(2))
    if not isinstance(text, str) or text != again:
        fail(f"{name} must return the same text at each call, got {text!r} and {again!r}: compute it from the genome")
    return text


def _check_json(name: str, data: Any) -> None:
    """The value is a dict that JSON can store unchanged."""
    try:
        unchanged = json.loads(json.dumps(data, allow_nan=False)) == data
    except (TypeError, ValueError) as error:
        raise ContractError(
            f"{name} must return plain JSON values, got {data!r:.300} ({error}): use int, float, str, list and dict"
        ) from error
    if not isinstance(data, dict) or not unchanged:
        fail(
            f"{name} must return a dict that JSON can store unchanged, got {data!r:.300}: "
            "use lists for tuples, and strings as keys"
        )
