"""Shared and fragmented: what notebook 4 makes of the neighbour lists."""
