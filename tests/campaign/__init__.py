"""Faults made on purpose: what is promised, what is done to it, and what came of it."""
