"""Commands of the torch-free half, and the dispatcher that loads the others on demand."""
