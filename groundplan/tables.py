"""A TOML table -> a frozen record: unknown keys, wrong types and missing keys are refused by name."""

import dataclasses
import datetime as dt
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from groundplan.errors import ConfigError
from groundplan.nearest import did_you_mean

Record = TypeVar("Record")


def read_record(cls: type[Record], table: Any, *, where: str) -> Record:
    """Return a record of `cls` filled from a table.

    Parameters
    ----------
    cls : type
        A frozen dataclass whose fields are str, int, float, bool, date, tuples of these, dicts of str to
        these, or unions with None. A field without default is required.
    table : mapping
        As `tomllib` returns it.
    where : str
        Name of the table in messages, such as ``[tiling]``.

    Raises
    ------
    ConfigError
        A key is unknown (the nearest known one is named), missing, or of another type; or the record itself
        refuses the values.
    """
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} is {_kind(table)}; it must be a table")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            raise ConfigError(
                f"unknown key {key!r} in {where}{did_you_mean(str(key), fields)}; keys are {', '.join(fields)}"
            )
    values = {}
    for name, field in fields.items():
        if name in table:
            values[name] = _convert(table[name], hints[name], where=f"{where} {name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where} has no {name!r}; give it")
    try:
        return cls(**values)
    except ValueError as err:
        raise ConfigError(f"{where}: {err}") from err


def _convert(value: Any, hint: Any, *, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(value, args, where=where)
    if origin is typing.Literal:
        if value not in args:
            raise ConfigError(f"{where} is {value!r}; it must be one of {', '.join(map(repr, args))}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where} is {_kind(value)}; it must be a list")
        inner = args[0] if len(args) == 2 and args[1] is Ellipsis else None
        if inner is None and len(value) != len(args):
            raise ConfigError(f"{where} has {len(value)} values; it must have {len(args)}")
        hints = [inner] * len(value) if inner is not None else list(args)
        return tuple(_convert(item, each, where=where) for item, each in zip(value, hints, strict=True))
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} is {_kind(value)}; it must be a table")
        return {str(key): _convert(item, args[1], where=f"{where}.{key}") for key, item in value.items()}
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as err:
            raise ConfigError(f"{where} is a number of hundreds of digits; give one that makes sense") from err
    if hint is float and isinstance(value, float) and value != value:
        raise ConfigError(f"{where} is nan; it must be a number")
    # A moment is a date to Python, but compares with days as later than its own.
    wrong = (isinstance(value, bool) and hint is not bool) or (isinstance(value, dt.datetime) and hint is dt.date)
    if wrong or not isinstance(value, hint):
        raise ConfigError(f"{where} is {_kind(value)}; it must be {_NAMES.get(hint, hint.__name__)}")
    return value


def _convert_union(value: Any, hints: tuple[Any, ...], *, where: str) -> Any:
    refusals = []
    for hint in hints:
        if hint is type(None):
            continue
        try:
            return _convert(value, hint, where=where)
        except ConfigError as err:
            refusals.append(err)
    raise refusals[-1]


_NAMES = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dt.date: "a date (2026-06-01)",
}


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a table"
    return "a list" if isinstance(value, list) else repr(value)
