"""Backbones: networks that turn snippets of frames or flow into feature vectors, and their weights."""
