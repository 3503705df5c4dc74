"""Digests of what is on disk, so that a flipped bit is reported and not read as data."""

import hashlib
import json
from types import MappingProxyType
from typing import Any

import numpy as np

from poet.checked import Form, check, parse_json


def digest(data: bytes | np.ndarray) -> str:
    """32 hexadecimal digits that depend on each bit; of an array, in C order, on its bytes alone."""
    buffer = data.reshape(-1).view(np.uint8).data if isinstance(data, np.ndarray) else data
    return running_digest(buffer).hexdigest()


def running_digest(data: Any = b"") -> Any:
    """The digest of bytes that come in parts, by `update` and `hexdigest`."""
    return hashlib.blake2b(data, digest_size=16)


def dump_checksummed(data: dict[str, Any]) -> bytes:
    """JSON that contains its own digest. Raises `ValueError` for NaN and infinity."""
    body = json.dumps(data, allow_nan=False)
    return json.dumps({**data, "digest": digest(body.encode())}).encode()


def load_checksummed(data: bytes, form: Form = MappingProxyType({})) -> dict[str, Any]:
    """What `dump_checksummed` was given. Raises `ValueError` where it is not what was written, or of another form."""
    try:
        loaded = parse_json(data)
    except ValueError as error:
        raise ValueError("cannot be read") from error
    try:
        check(loaded, {**form, "digest": str})
    except ValueError as error:
        raise ValueError(f"cannot be read: {error}") from error
    written = loaded.pop("digest")
    if written != digest(json.dumps(loaded).encode()):
        raise ValueError("is not what was written")
    return loaded
