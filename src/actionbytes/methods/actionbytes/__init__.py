"""ActionBytes (Jain et al., CVPR 2020)."""
