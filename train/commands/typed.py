"""Options on the command line, as opposed to defaults."""

from collections.abc import Collection

import click
from click.core import ParameterSource


def typed_options(context: click.Context, names: Collection[str]) -> list[str]:
    """Return the options (``--batch-size``) of these parameters that are on the command line.

    Args:
        context: context of the command.
        names: names of the parameters in its function.
    """
    return [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in names
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
