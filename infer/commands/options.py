"""Options of commands, made from the fields of ``ScanRequest``, with one meaning everywhere."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, replace
from enum import Enum
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

import click

from ..scan.option import OPTIONS, Option, Unit
from ..scan.request import ScanRequest

Command = TypeVar("Command", bound=Callable[..., Any])

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size(text: str) -> int:
    """Return a number of bytes: ``1000``, ``512M``, ``1.5G``; units are powers of 1024.

    Raises:
        click.BadParameter: the text is not a size.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMGT]?)(?:i?B)?", text, re.IGNORECASE)
    count = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if count < 1:
        raise click.BadParameter(f"{text!r}: not a size; use a number such as 1000000, 512M or 2G")
    return count


def size_text(count: int) -> str:
    """Return the shortest text that ``size`` reads as this number."""
    unit = max(
        (unit for unit, factor in _UNITS.items() if count % factor == 0), key=_UNITS.__getitem__
    )
    return f"{count // _UNITS[unit]}{unit}"


class _Number(click.FloatRange):
    """Type of a number within a range. NaN is in no range, but a comparison does not detect
    that."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number on the command line."""
        number: float = click.FLOAT.convert(value, param, ctx)
        if math.isnan(number):
            self.fail("must be a number, not nan", param, ctx)
        return super().convert(number, param, ctx)


@dataclass(frozen=True, slots=True)
class _Known:
    """An option of the command line, and the field that it sets.

    Attributes:
        field: name of the request's field.
        parameter: name of click's parameter.
        type: type of the value, without ``None``.
        default: value without the option; ``MISSING`` if the option is required.
        option: its name, text and range.
    """

    field: str
    parameter: str
    type: Any
    default: Any
    option: Option

    def decorator(self) -> Callable[[Command], Command]:
        """Return the option as click's decorator."""
        option = self.option
        if option.sets is not None:
            return click.option(
                option.name, self.parameter, is_flag=True, callback=self._set, help=option.help
            )
        default = self.default
        if isinstance(default, Enum):
            default = default.value
        elif option.unit is Unit.BYTES and default is not None:
            default = size_text(default)
        return click.option(
            option.name,
            self.parameter,
            type=self._click_type(),
            # For click, a default of None is one all the same, and nothing is missing.
            **({"required": True} if default is MISSING else {"default": default}),
            multiple=get_origin(self.type) is tuple,
            callback=self._member if self._is_enum else None,
            metavar=option.metavar or None,
            show_default=option.default or default not in (None, MISSING, ()),
            help=option.help,
        )

    @property
    def _is_enum(self) -> bool:
        return isinstance(self.type, type) and issubclass(self.type, Enum)

    def _click_type(self) -> Any:
        option = self.option
        if option.unit is Unit.BYTES:
            return size
        if self.type is int:
            return click.IntRange(option.least, option.most)
        if self.type is float:
            least = option.least if option.above is None else option.above
            return _Number(least, option.most, min_open=option.above is not None)
        if self._is_enum:
            return click.Choice([member.value for member in self.type])
        return str

    def _member(self, _context: click.Context, _parameter: click.Parameter, value: str) -> Any:
        return self.type(value)

    def _set(self, _context: click.Context, _parameter: click.Parameter, is_given: bool) -> Any:
        return self.option.sets if is_given else self.default


def _known_of(
    one: "Field[Any]", options: Mapping[str, Option] | tuple[Option, ...]
) -> list[_Known]:
    if isinstance(options, Mapping):
        inner = {part.name: part for part in fields(one.default)}  # type: ignore[arg-type]
        return [
            _Known(one.name, name, _kind(inner[name]), inner[name].default, option)
            for name, option in options.items()
        ]
    if len(options) == 1:
        return [_Known(one.name, one.name, _kind(one), one.default, options[0])]
    return [
        _Known(one.name, option.name.strip("-"), _kind(one), one.default, option)
        for option in options
    ]


def _kind(one: "Field[Any]") -> Any:
    """Return a field's type, without ``None``."""
    if get_origin(one.type) is tuple:
        return one.type
    return next(kind for kind in get_args(one.type) or (one.type,) if kind is not NoneType)


_KNOWN = {
    one.name: _known_of(one, one.metadata[OPTIONS])
    for one in fields(ScanRequest)
    if OPTIONS in one.metadata
}


def request_options(*names: str) -> Callable[[Command], Command]:
    """Return a decorator that adds options of a scan, or all.

    Args:
        names: fields of the request, or click's parameters of single options.
    """
    by_parameter = {known.parameter: [known] for options in _KNOWN.values() for known in options}
    known_by = by_parameter | _KNOWN
    wanted = [known for name in names or _KNOWN for known in known_by[name]]

    def decorate(command: Command) -> Command:
        for known in reversed(wanted):
            command = known.decorator()(command)
        return command

    return decorate


def scan_request(**values: Any) -> ScanRequest:
    """Return the request of a command.

    Args:
        values: values by click's parameters, as ``request_options`` made them.

    Raises:
        click.UsageError: two options set the same field.
        UsageError: there is nothing to scan.
    """
    return ScanRequest(**request_fields(**values))


def request_fields(**values: Any) -> dict[str, Any]:
    """Return the values of fields, for a command with some options of a scan.

    Args:
        values: values by click's parameters, as ``request_options`` made them.

    Raises:
        click.UsageError: two options set the same field.
    """
    for name, options in _KNOWN.items():
        parts = {
            known.parameter: values.pop(known.parameter)
            for known in options
            if known.parameter != name and known.parameter in values
        }
        if not parts:
            continue
        if options[0].option.sets is None:
            values[name] = replace(_default(name), **parts)
            continue
        given = [
            known for known in options if parts.get(known.parameter, known.default) != known.default
        ]
        if len(given) > 1:
            both = " and ".join(known.option.name for known in given)
            raise click.UsageError(f"{both} exclude each other")
        values[name] = given[0].option.sets if given else options[0].default
    return values


def _default(name: str) -> Any:
    return next(one.default for one in fields(ScanRequest) if one.name == name)
