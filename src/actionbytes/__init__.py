"""Learning to localize actions in video with little supervision."""

__version__ = "0.2.0"
