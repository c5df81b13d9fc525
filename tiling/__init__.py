"""Scenes and tiles: headers, grids, windows of pixels, radiometry."""
