"""Data sets, the renderer, training and evaluation."""
