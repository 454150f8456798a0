"""Commands for inference, and the dispatcher that loads all others on demand."""
