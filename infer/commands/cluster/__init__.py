"""The command for a cluster."""
