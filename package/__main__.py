"""``python -m trustthepixels``: the same as the command ``trustthepixels``."""

import sys

from trustthepixels.infer.commands.entry import trustthepixels

if __name__ == "__main__":
    # Its name in messages and in --help, in place of the path of this file.
    sys.argv[0] = "trustthepixels"
    trustthepixels()
