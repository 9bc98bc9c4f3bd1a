"""Does ILO mean anything? Intervals, chance, made worlds, rival measures, probes (notebook 7)."""
