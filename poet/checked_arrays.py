"""Arrays from files that may be damaged, or an error that says what is wrong: a `ValueError`, as in `poet.checked`."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def unpack_npz(data: bytes) -> dict[str, np.ndarray]:
    """The arrays that `numpy.savez` packed, by name.

    Neither objects of Python nor compressed arrays, which could fill the memory: this package writes none.
    """

    def unpack() -> dict[str, np.ndarray]:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members = file.infolist()
            if any(each.compress_type != zipfile.ZIP_STORED for each in members):
                raise ValueError("it holds compressed arrays")
            if sum(each.file_size for each in members) > len(data):
                raise ValueError("it holds more than the file")
            return {each.filename.removesuffix(".npy"): _read_npy(file.read(each)) for each in members}

    return _parse(unpack)


def map_npy(path: Path) -> np.ndarray:
    """The array of a .npy file, mapped into memory. Raises `OSError` too."""
    return _parse(lambda: np.lib.format.open_memmap(path, mode="r"))


def parse_dtype(text: str) -> np.dtype:
    """The dtype of numbers, truth values or texts that a text names."""
    dtype = _parse(lambda: np.dtype(text))
    if dtype.kind not in "biufU":
        raise ValueError(f"it expects a dtype of numbers or texts, got {text!r:.80}")
    return dtype


def _read_npy(data: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _parse(parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except (OSError, ValueError):
        raise
    except Exception as error:  # the parsers of NumPy and of the standard library raise errors of many kinds
        raise ValueError(f"it is damaged ({type(error).__name__}: {error})") from error
