"""Figures: one file for each kind of figure, and what they share."""
