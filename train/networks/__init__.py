"""Backbones, their weights, and their hardware."""
