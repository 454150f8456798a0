"""From a name to bytes."""
