"""What the machine and the process give."""
