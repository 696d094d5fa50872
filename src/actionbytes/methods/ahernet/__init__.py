"""AherNet (Long et al., ECCV 2020): localization of many classes from trimmed moments and the boundaries of a few."""
