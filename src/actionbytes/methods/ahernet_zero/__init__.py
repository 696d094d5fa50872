"""AherNet^0, the lower bound of AherNet's tables: a classifier of snippets whose scores are cut at many thresholds."""
