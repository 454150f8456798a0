"""Options that were typed, as opposed to those that have their usual value."""

from collections.abc import Collection

import click
from click.core import ParameterSource


def typed_options(context: click.Context, names: Collection[str]) -> list[str]:
    """The options (``--batch-size``) of these parameters that are on the command line.

    Args:
        context: of the command.
        names: of parameters, as its function takes them.
    """
    return [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in names
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
