"""Does ILO mean anything? Chance, intervals, made worlds; rivals, prediction (notebooks 7, 8)."""
