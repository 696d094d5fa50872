"""Data: annotations, detections, lists of videos, word vectors, and a user's own videos."""
