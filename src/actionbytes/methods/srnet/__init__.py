"""SRNet: TSRNet (Zhang et al., AAAI 2019) without knowledge transfer."""
