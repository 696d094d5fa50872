"""STPN (Nguyen et al., CVPR 2018)."""
