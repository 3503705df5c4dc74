import io
import re
from pathlib import Path

import numpy as np
import pytest

from poet.checked import MAX_DEPTH, NATURAL, check, parse_json
from poet.checked_arrays import map_npy, parse_dtype, unpack_npz


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (3, int),
        (3, float),
        (0, NATURAL),
        ("a", object),
        (None, (str, None)),
        ([1, 2.5, None], [(float, None)]),
        ([1, "a"], [int, str]),
        ({"a": 1, "b": 2}, {str: int}),
        ({"a": 1, "more": []}, {"a": int, "b?": str}),
        ({"a": {"b": [{"c": None}]}}, {"a": {"b": [{"c": None}]}}),
    ],
)
def test_values_of_the_form_pass(value: object, form: object) -> None:
    assert check(value, form) is None


@pytest.mark.parametrize(
    ("value", "form", "problem"),
    [
        (True, int, "it expects an integer, got True"),
        ("a", float, "it expects a number, got 'a'"),
        (-1, NATURAL, "it expects an integer from 0, got -1"),
        (2, (str, None), "it expects text or null, got 2"),
        ([1, "a"], [int], "1 expects an integer, got 'a'"),
        ([1], [int, str], "it expects a list of 2 values, got [1]"),
        ({"a": "b"}, {str: int}, "a expects an integer, got 'b'"),
        ({}, {"a": int}, "it lacks 'a'"),
        ([], {"a": int}, "it expects an object, got []"),
        ({"a": {"b": [{}]}}, {"a": {"b": [{"c": int}]}}, "a.b.0 lacks 'c'"),
        ({"b": 1}, {"b?": str}, "b expects text, got 1"),
    ],
)
def test_values_of_another_form_are_named(value: object, form: object, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        check(value, form)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"[" * 10**5, "nests too deeply"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nests too deeply"),
        (b"9" * 19, "more than 64 bits"),
        (b"9" * 5000, "more than 64 bits"),
        (b'{"a": 1', "Expecting"),
        (b"\xff\xfe", "Expecting"),
        (b'"\x1b"', "Invalid control character"),
    ],
)
def test_json_that_is_too_deep_too_large_or_broken_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_json(data)


def test_json_within_the_limits_is_read() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None
    assert parse_json(b"[-9223372036854775808, 9223372036854775807, 1e5]") == [-(2**63), 2**63 - 1, 1e5]
    assert len(parse_json(b"[" + b"[]," * 100 + b"[]]")) == 101


def packed(save=np.savez, **arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def test_arrays_are_unpacked() -> None:
    found = unpack_npz(packed(a=np.arange(3), b=np.float32(2.5)))
    assert {name: array.tolist() for name, array in found.items()} == {"a": [0, 1, 2], "b": 2.5}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (packed(np.savez_compressed, a=np.zeros(10**6)), "compressed"),
        (packed(a=np.array([{}], dtype=object)), "Object arrays"),
        (packed(a=np.arange(3))[:-30], "damaged"),
        (packed(a=np.arange(3)).replace(b"\x93NUMPY", b"\x93NUMPX"), "damaged"),
        (b"", "damaged"),
    ],
)
def test_arrays_that_are_compressed_damaged_or_objects_are_refused(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        unpack_npz(data)


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", packed(a=np.arange(3)), b"\x93NUMPY\x01\x00\x03\x00(((", b"x" * 99]
)
def test_a_file_without_an_array_is_not_mapped(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match="EOF|magic|header|damaged"):
        map_npy(tmp_path / "a.npy")


@pytest.mark.parametrize("text", ["O", "S3", "no", "V9", ""])
def test_a_dtype_of_objects_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="dtype of numbers|damaged"):
        parse_dtype(text)
