"""Training: sources to batches, steps and checkpoints, and what a run holds on disk."""
