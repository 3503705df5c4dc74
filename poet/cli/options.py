"""Options on the command line that choose an entry of a registry: `--FIELD ID`.

A field typed by the base class of a kind takes any id of that kind; tyro, which makes all other options from the
dataclasses, then sees the options of the chosen class.
"""

import copy
import dataclasses
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from poet.command_line import command
from poet.configs import find, registries_of
from poet.errors import ConfigError
from poet.registry import PluginConfig, Registry


class Choice(typing.NamedTuple):
    """A field of a config that takes entries of registries.

    Attributes:
      path: names of the fields that lead to it.
      registries: kinds of entries that it takes.
      many: whether it takes several, as a tuple.
    """

    path: tuple[str, ...]
    registries: list[Registry]
    many: bool

    @property
    def option(self) -> str:
        """As on the command line."""
        return "--" + ".".join(self.path).replace("_", "-")


def choices(config: Any, path: tuple[str, ...] = ()) -> Iterator[Choice]:
    """Every such field of a config and of the configs within it."""
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value, hint, here = getattr(config, field.name), hints[field.name], (*path, field.name)
        many = typing.get_origin(hint) is tuple
        registries = registries_of(next(iter(typing.get_args(hint))) if many else hint)
        if registries:
            yield Choice(here, registries, many)
        if dataclasses.is_dataclass(value):
            yield from choices(value, here)


def choose(config: Any, args: list[str]) -> tuple[Any, list[str]]:
    """The config with the entries that `--FIELD ID` options name, and the other arguments.

    A chosen entry has the default options of its class; one that the config has already keeps its options. Raises
    `ConfigError` for an unknown id, one without a value, and the name of a kind that another option takes here.
    """
    seen: set[tuple[str, ...]] = set()
    # A chosen entry may have such fields itself, so the choices are listed again after each of them.
    while new := [choice for choice in choices(config) if choice.path not in seen]:
        choice = new[0]
        seen.add(choice.path)
        ids, args = _take(choice, args)
        if ids:
            config = _replace(config, choice.path, choice, ids)
    _refuse_kinds(config, args)
    return config, args


def _refuse_kinds(config: Any, args: Sequence[str]) -> None:
    """Raise `ConfigError` for `--KIND` where the option that takes entries of this kind has another name."""
    takes = {f"--{registry.kind}": choice.option for choice in choices(config) for registry in choice.registries}
    for option in (argument.partition("=")[0] for argument in args):
        kind = option.partition(".")[0]
        if kind in takes and kind not in takes.values():
            raise ConfigError(
                f"a run of {config.id!r} has no option {option}: its {kind[2:]} is chosen by {takes[kind]}, so write "
                f"{option.replace(kind, takes[kind], 1)} instead"
            )


def _take(choice: Choice, args: list[str]) -> tuple[list[str], list[str]]:
    rest: list[str] = []
    ids: list[str] = []
    waiting = list(args)
    while waiting:
        argument = waiting.pop(0)
        name, sign, value = argument.partition("=")
        if name.replace("_", "-") != choice.option:
            rest.append(argument)
            continue
        ids = [value] if sign else []
        while waiting and not sign and not waiting[0].startswith("-") and (choice.many or not ids):
            ids.append(waiting.pop(0))
        if not ids:
            kinds = " or ".join(registry.kind for registry in choice.registries)
            shown = command("list")
            raise ConfigError(f"{choice.option} expects an id of kind {kinds}, got nothing; `{shown}` shows them")
    return ids, rest


def _replace(config: Any, path: Sequence[str], choice: Choice, ids: list[str]) -> Any:
    name, *rest = path
    value = getattr(config, name)
    if rest:
        return _with_field(config, name, _replace(value, rest, choice, ids))
    present = {item.id: item for item in (value if choice.many else (value,)) if isinstance(item, PluginConfig)}
    if choice.many and ids == ["None"]:  # as other options are taken back
        ids = []
    chosen = [present.get(id) or find(choice.registries, id)() for id in ids]
    return _with_field(config, name, tuple(chosen) if choice.many else chosen[0])


def _with_field(config: Any, name: str, value: Any) -> Any:
    """A copy with another value of a field. It is not validated yet: other options may be needed to make it valid."""
    changed = copy.copy(config)
    object.__setattr__(changed, name, value)
    return changed


def take_option(name: str, args: list[str]) -> tuple[list[str], list[str]]:
    """Every value of a repeatable option, and the other arguments. Raises `ConfigError` for one without a value."""
    values, rest, waiting = [], [], list(args)
    while waiting:
        argument = waiting.pop(0)
        given, sign, value = argument.partition("=")
        if given != name:
            rest.append(argument)
        elif sign:
            values.append(value)
        elif waiting:
            values.append(waiting.pop(0))
        else:
            raise ConfigError(f"{name} expects a value")
    return values, rest
