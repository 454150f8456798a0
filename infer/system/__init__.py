"""Resources and services of the machine and the process."""
