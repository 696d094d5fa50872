"""UntrimmedNet (Wang et al., CVPR 2017)."""
