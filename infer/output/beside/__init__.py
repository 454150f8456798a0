"""Files beside the rows of a run, ``NAME.SUFFIX``."""
