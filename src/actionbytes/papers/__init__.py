"""Papers as data: what `papers/*.yaml` declares."""
