"""What every check of the kit needs: to say what is wrong, and to hold results and shapes against each other."""

import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from poet.errors import ContractError
from poet.types import PyTree

LANES = 128  # instances computed side by side


def fail(message: str) -> NoReturn:
    """Raise `ContractError`."""
    raise ContractError(message)


def require(holds: bool, message: str) -> None:
    """Raise `ContractError` unless something holds."""
    if not holds:
        fail(message)


def call(name: str, advice: str, function: Callable, *args: Any) -> Any:
    """What the function gives; if it raises, a `ContractError` that names it and says what to do."""
    try:
        return function(*args)
    except Exception as error:
        raise ContractError(f"{name} raised {error!r:.300}; {advice}") from error


def trace(name: str, advice: str, function: Callable, *args: Any) -> PyTree:
    """Shapes of the function's results; traced twice, since Python-side state or chance changes the program."""
    programs, shapes = [], None
    for _ in range(2):
        try:
            program, shapes = jax.make_jaxpr(lambda *args: function(*args), return_shape=True)(*args)
        except Exception as error:
            advice = advice or "use jnp and lax.cond, never a Python branch on a value"
            raise ContractError(f"{name} cannot be traced by jax; {advice}. It raised {error!r:.300}") from error
        programs.append((re.sub("0x[0-9a-f]+", "", str(program)), [_bits(const) for const in program.consts]))
    if programs[0] != programs[1]:
        fail(f"{name} is another program each time it is traced; keep state in the world and randomness in the key")
    return shapes


def check_hashable(name: str, thing: Any) -> None:
    """It has a hash, as what a jitted function closes over must."""
    try:
        hash(thing)
    except TypeError as error:
        raise ContractError(f"{name} must be hashable: make it a frozen dataclass of plain values") from error


def _bits(leaf: Any) -> bytes:
    if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    leaf = np.asarray(leaf)
    if jnp.issubdtype(leaf.dtype, jnp.inexact):  # a NaN is one however it came about: its sign is the compiler's
        leaf = np.where(np.isnan(leaf), np.array(np.nan, leaf.dtype), leaf)
    return leaf.tobytes()


def same(a: PyTree, b: PyTree) -> bool:
    """Whether two trees of arrays or keys hold the same bits; one NaN is as good as another."""
    return all(_bits(x) == _bits(y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)))


def spec_of(name: str, tree: PyTree) -> PyTree:
    """Shapes and dtypes of a tree, all of whose leaves must be arrays that hold something."""
    leaves = jax.tree.leaves(tree)
    require(len(leaves) > 0, f"{name} has no leaves; a genome is a pytree of arrays")
    for leaf in leaves:
        if not isinstance(leaf, jax.Array | np.ndarray | jax.ShapeDtypeStruct):
            fail(f"{name} has a leaf of type {type(leaf).__name__} ({leaf!r:.60}); make every leaf a jnp array")
        require(leaf.size > 0, f"{name} has an empty leaf of shape {leaf.shape}; leave it out")
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)


def check_alike(name: str, spec: PyTree, other_name: str, other: PyTree) -> None:
    """Two trees of `spec_of` are equal."""
    if jax.tree.structure(spec) != jax.tree.structure(other) or jax.tree.leaves(spec) != jax.tree.leaves(other):
        fail(f"{name} must have the structure, shapes and dtypes of {other_name}: expected {other}, got {spec}")


def is_array(value: Any, shape: tuple[int, ...], dtype: Any) -> bool:
    """Whether it has this shape and dtype."""
    return hasattr(value, "dtype") and (value.shape, value.dtype) == (shape, dtype)


def check_scalar(name: str, value: Any, dtype: Any) -> None:
    """It is one number of this dtype."""
    require(is_array(value, (), dtype), f"{name} must be {jnp.dtype(dtype).name}[], got {value!r:.100}")


def check_names(what: str, names: Any) -> None:
    """They are a tuple of words."""
    if not isinstance(names, tuple) or not names or not all(isinstance(each, str) and each for each in names):
        fail(f"{what} must be a tuple of non-empty strings, got {names!r}")


def check_coordinates(what: str, names: Any, bounds: Any) -> int:
    """How many there are; names are a tuple of different words, and each has a finite low and high."""
    check_names(f"{what}_names", names)
    require(len(set(names)) == len(names), f"{what}_names must differ, got {names}")
    advice = f"{what}_bounds must be a finite (low, high) with low < high for each of {names}, got {bounds!r}"
    pairs = call(f"{what}_bounds", advice, lambda: [(float(low), float(high)) for low, high in bounds])
    if len(pairs) != len(names) or not all(-math.inf < low < high < math.inf for low, high in pairs):
        fail(advice)
    return len(names)


def check_within(name: str, low: float, high: float, values: np.ndarray) -> None:
    """All values lie within their bounds, but for rounding."""
    slack = 1e-5 * (high - low)
    if not ((values >= low - slack) & (values <= high + slack)).all():
        fail(f"{name} must lie in {low} to {high}, got {values.min()} to {values.max()}")
