"""Check the types that NamedTuples declare for their fields: jaxtyping's hook sees arguments, not fields."""

import typing
from typing import Any

import jax
from beartype import BeartypeConf
from beartype.door import die_if_unbearable
from jaxtyping import jaxtyped

CONF = BeartypeConf(is_pep484_tower=True)


def is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def check_carried(tree: Any) -> int:
    """Raise unless every field of every NamedTuple in a tree has the declared type, with one size for each axis letter
    within a tuple. Returns how many fields were checked.

    Fields are followed as far as their types name NamedTuples: what is declared as a pytree may be stacked.
    """
    if not is_named_tuple(tree):
        children = jax.tree.leaves(tree, is_leaf=lambda node: node is not tree and is_named_tuple(node))
        return sum(check_carried(child) for child in children if is_named_tuple(child))
    hints = typing.get_type_hints(type(tree))
    with jaxtyped("context"):
        for name in tree._fields:
            try:
                die_if_unbearable(getattr(tree, name), hints[name], conf=CONF)
            except Exception as error:
                raise TypeError(f"{type(tree).__name__}.{name}: {error}") from None
    return len(tree._fields) + sum(
        check_carried(getattr(tree, name)) for name in tree._fields if names_named_tuple(hints[name])
    )


def names_named_tuple(hint: Any) -> bool:
    """Whether a type is a NamedTuple, or is made of one, as `tuple[Pair, ...]`."""
    return hasattr(hint, "_fields") or any(map(names_named_tuple, typing.get_args(hint)))
