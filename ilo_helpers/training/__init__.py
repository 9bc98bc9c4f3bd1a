"""Training on one language: tasks, fine-tuning, answers, many runs measured alike (notebook 5)."""
