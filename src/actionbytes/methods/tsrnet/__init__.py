"""TSRNet (Zhang et al., AAAI 2019): SRNet and knowledge from trimmed clips."""
