"""Queues, batches and budgets between threads; nothing here depends on images."""
