"""Evaluation: from detections, class scores and truth to metrics. It knows arrays and annotations, no methods."""
