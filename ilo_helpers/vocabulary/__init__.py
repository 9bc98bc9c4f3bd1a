"""Token embeddings: what a model knows before its first layer (notebook 6)."""
