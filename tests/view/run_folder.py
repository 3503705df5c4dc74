"""The files that every run folder has, written by hand."""

import json
from pathlib import Path
from typing import Any

from poet.runs.read import digest_of


def write_run(folder: Path, options: dict[str, Any], rows: list[dict[str, Any]] | None = None, **meta: Any) -> Path:
    """Write config.json, run.json and, if there are rows, journal.jsonl; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(options))
    run = {"format": 3, "name": folder.name, "search": options["id"], "view": "journal", "headline": [], "plugins": {}}
    run |= {"renamed": {}, "overrides": {}, "identity": {}, "sessions": [], **meta}
    run["config_digests"] = [digest_of(options)]
    (folder / "run.json").write_text(json.dumps(run))
    if rows is not None:
        (folder / "journal.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def edit_json(file: Path, **fields: Any) -> None:
    """Replace fields of a JSON file."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))
