"""Options that every command has: short help and the version."""

import click

SHORT_HELP = {"help_option_names": ["-h", "--help"]}
"""Settings of a command that is started by itself; sub-commands inherit them."""


version_option = click.version_option(package_name="trustthepixels", message="%(prog)s %(version)s")
