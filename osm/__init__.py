"""OpenStreetMap: read, find the offset, match, decide, propose."""
