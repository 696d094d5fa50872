"""Kinds of features: what the streams are called."""

STREAMS = ("rgb", "flow")
