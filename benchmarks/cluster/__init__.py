"""A scan by actors of Ray on one machine, next to `scan-folder`."""
