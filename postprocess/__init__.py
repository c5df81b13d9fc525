"""Instances to georeferenced polygons: outlines, shapes, seams."""
