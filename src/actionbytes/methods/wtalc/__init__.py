"""W-TALC (Paul et al., ECCV 2018)."""
