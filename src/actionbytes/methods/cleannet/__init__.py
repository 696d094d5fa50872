"""CleanNet (Liu et al., ICCV 2019)."""
