"""Localization: activations of one video to scored segments. Arrays in, arrays out; no files, no networks."""
