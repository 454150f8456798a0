"""Backbones, their weights, and the hardware that they run on."""
