"""What all checks need: reports, errors, keys, tracing functions, and comparing shapes and values."""

import math
import re
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from poet.errors import ContractError
from poet.terminal import print_lines
from poet.typed_config import check_value
from poet.types import Key, PyTree

BATCH = 128  # instances that are computed together
_ABSENT = object()

Report: TypeAlias = Callable[[str], object]  # gets a line for each group of checks


def print_to_stderr(line: str) -> None:
    """The default report."""
    print_lines(line, file=sys.stderr)


class Progress:
    """Says what is checked now, with the seconds since the start."""

    def __init__(self, instance: Any, report: Report) -> None:
        check_value("report", Callable, report)
        self.name, self.report, self.start = type(instance).__name__, report, time.monotonic()

    def __call__(self, what: str) -> None:
        """Report the next group of checks."""
        self.report(f"{self.name} {time.monotonic() - self.start:6.1f} s  {what}")


def random_key_data(seed: int, *shape: int) -> np.ndarray:
    """Data u32[*shape, 2] of random keys; made by NumPy, since programs of jax for that take long to compile."""
    return np.random.default_rng(seed).integers(2**32, size=(*shape, 2), dtype=np.uint32)


def example_key() -> Key:
    """Some key."""
    return jax.random.wrap_key_data(jnp.asarray(random_key_data(0)))


def fail(message: str) -> NoReturn:
    """Raise `ContractError`."""
    raise ContractError(message)


def require(condition: bool, message: str) -> None:
    """Raise `ContractError` unless the condition holds."""
    if not condition:
        fail(message)


def call(name: str, advice: str, function: Callable, *args: Any) -> Any:
    """Call a function on the host. Raises `ContractError` with the name and the advice if the function raises."""
    try:
        return function(*args)
    except Exception as error:
        raise ContractError(f"expected {name} to return, but it raised {error!r:.300}: {advice}") from error


def trace(name: str, advice: str, function: Callable, *args: Any) -> PyTree:
    """Shapes and dtypes of the results of a pure function.

    Traces the function twice: if it uses state or randomness of Python, the two programs differ.
    """
    programs, shapes = [], None
    for _ in range(2):
        try:
            program, shapes = jax.make_jaxpr(lambda *args: function(*args), return_shape=True)(*args)
        except Exception as error:
            advice = advice or "use jnp and lax.cond, never a Python branch on a value"
            raise ContractError(
                f"expected that jax can trace {name}, but it raised {error!r:.300}: {advice}"
            ) from error
        programs.append((re.sub("0x[0-9a-f]+", "", str(program)), [_bits(const) for const in program.consts]))
    if programs[0] != programs[1]:
        fail(
            f"expected {name} to be the same program each time it is traced, but two traces differ: "
            "keep all state in the world and take all randomness from the key"
        )
    return shapes


def check_members(kind: str, instance: Any, names: tuple[str, ...]) -> None:
    """The instance has all these members of its protocol, and each can be read."""
    for name in names:
        member = call(f"`{name}`", f"reading a member of the {kind} must not fail", getattr, instance, name, _ABSENT)
        require(member is not _ABSENT, f"{kind} has no `{name}`: define it, see poet.envs.base.{kind.capitalize()}")


def optional_method(instance: Any, name: str) -> Callable | None:
    """An optional method, None if it is absent."""
    if not hasattr(instance, name):
        return None
    method = getattr(instance, name)
    require(callable(method), f"`{name}` must be a method, got {method!r:.100}: define it, or leave it out")
    return method


def check_hashable(name: str, value: Any) -> None:
    """The value is hashable, as required of everything that a jitted function closes over."""
    try:
        hash(value)
    except TypeError as error:
        message = f"{name} must be hashable, got {type(value).__name__}: make it a frozen dataclass of plain values"
        raise ContractError(message) from error


def _bits(leaf: Any) -> bytes:
    if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    leaf = np.asarray(leaf)
    if jnp.issubdtype(leaf.dtype, jnp.inexact):  # compilers may change the sign and the payload of a NaN
        leaf = np.where(np.isnan(leaf), np.array(np.nan, leaf.dtype), leaf)
    return leaf.tobytes()


def same_bits(a: PyTree, b: PyTree) -> bool:
    """Whether two trees of arrays or keys are equal bit for bit, where all NaNs count as equal."""
    return all(_bits(x) == _bits(y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)))


def spec_of(name: str, tree: PyTree) -> PyTree:
    """Shapes and dtypes of a tree. Raises `ContractError` unless all its leaves are non-empty arrays."""
    leaves = jax.tree.leaves(tree)
    require(len(leaves) > 0, f"{name} must be a pytree of arrays, but it has no leaves: store at least one array in it")
    for leaf in leaves:
        if not isinstance(leaf, jax.Array | np.ndarray | jax.ShapeDtypeStruct):
            fail(
                f"{name} must be a pytree of arrays, got a leaf of type {type(leaf).__name__} ({leaf!r:.60}): "
                "make every leaf a jnp array"
            )
        require(
            leaf.size > 0,
            f"{name} must have non-empty leaves, got an empty leaf of shape {leaf.shape}: remove the leaf",
        )
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)


def check_same_spec(name: str, spec: PyTree, reference_name: str, reference: PyTree) -> None:
    """Two results of `spec_of` are equal."""
    if jax.tree.structure(spec) != jax.tree.structure(reference) or jax.tree.leaves(spec) != jax.tree.leaves(reference):
        fail(
            f"{name} must have the structure, shapes and dtypes of {reference_name}: expected {reference}, got {spec}: "
            "return the same pytree type, and convert leaves with `astype` where dtypes differ"
        )


def is_array(value: Any, shape: tuple[int, ...], dtype: Any) -> bool:
    """Whether a value has this shape and dtype."""
    return hasattr(value, "dtype") and (value.shape, value.dtype) == (shape, dtype)


def check_array(name: str, value: Any, shape: tuple[int, ...], dtype: Any, advice: str) -> None:
    """The value has this shape and dtype."""
    axes = ", ".join(map(str, shape))
    require(
        is_array(value, shape, dtype), f"{name} must be {jnp.dtype(dtype).name}[{axes}], got {value!r:.100}: {advice}"
    )


def check_scalar(name: str, value: Any, dtype: Any) -> None:
    """The value is an array without axes of this dtype."""
    check_array(name, value, (), dtype, "return an array without axes of this dtype")


def check_count(name: str, value: Any, advice: str) -> None:
    """The value is an int of at least 1."""
    require(
        isinstance(value, int) and not isinstance(value, bool) and value >= 1,
        f"{name} must be an int of at least 1, got {value!r:.100}: {advice}",
    )


def check_picture(name: str, value: Any) -> None:
    """The value is a picture u8[H, W, 3] as a NumPy array."""
    if not isinstance(value, np.ndarray):
        fail(f"{name} must be a NumPy array u8[H, W, 3], got {value!r:.100}: convert it with np.asarray")
    if value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3 or value.size == 0:
        fail(
            f"{name} must be u8[H, W, 3] with H and W of at least 1, got {value.dtype}{list(value.shape)}: "
            "return red, green and blue from 0 to 255 for each pixel, rows first"
        )


def check_names(what: str, names: Any) -> None:
    """The value is a non-empty tuple of non-empty strings."""
    if not isinstance(names, tuple) or not names or not all(isinstance(name, str) and name for name in names):
        fail(f"{what} must be a tuple of non-empty strings, got {names!r}: declare one string for each entry")


def check_coordinates(what: str, names: Any, bounds: Any) -> int:
    """Names are different strings with finite bounds each. Returns the number of coordinates."""
    check_names(f"{what}_names", names)
    require(len(set(names)) == len(names), f"{what}_names must differ, got {names}: give each coordinate its own name")
    message = (
        f"{what}_bounds must be a finite (low, high) with low < high for each of {names}, got {bounds!r}: declare them"
    )
    try:
        pairs = [(float(low), float(high)) for low, high in bounds]
    except Exception as error:
        raise ContractError(message) from error
    if len(pairs) != len(names) or not all(-math.inf < low < high < math.inf for low, high in pairs):
        fail(message)
    return len(names)


def check_within(name: str, low: float, high: float, values: np.ndarray) -> None:
    """All values lie within their bounds, up to rounding errors."""
    tolerance = 1e-5 * (high - low)
    if not ((values >= low - tolerance) & (values <= high + tolerance)).all():
        fail(
            f"{name} must lie in {low} to {high}, got {values.min()} to {values.max()}: "
            "clip the values or declare wider bounds"
        )
