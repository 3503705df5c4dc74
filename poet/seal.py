"""Digests of what lies on the disk, so that a flipped bit is told and not taken for data."""

import hashlib
import json
from typing import Any

import numpy as np


def digest(data: bytes | np.ndarray) -> str:
    """32 hexadecimal digits that depend on each bit; of an array in C order only what it holds counts."""
    held = data.reshape(-1).view(np.uint8).data if isinstance(data, np.ndarray) else data
    return hashlib.blake2b(held, digest_size=16).hexdigest()


def seal(notes: dict[str, Any]) -> bytes:
    """JSON with its own digest in it. Raises `ValueError` for NaN and infinity."""
    body = json.dumps(notes, allow_nan=False)
    return json.dumps({**notes, "digest": digest(body.encode())}).encode()


def unseal(data: bytes) -> dict[str, Any]:
    """What `seal` was given. Raises `ValueError` where it is not what was written."""
    try:
        notes = json.loads(data)
        written = notes.pop("digest")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("cannot be read") from error
    if written != digest(json.dumps(notes).encode()):
        raise ValueError("is not what was written")
    return notes
