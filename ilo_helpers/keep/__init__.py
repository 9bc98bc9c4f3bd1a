"""What lies on disk: where, under which name, written whole or not at all, and checked."""
