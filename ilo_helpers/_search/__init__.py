"""The search for nearest neighbours: exact, quick, and within the memory it is given."""
