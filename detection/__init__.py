"""Mask R-CNN: pixels to instances."""
