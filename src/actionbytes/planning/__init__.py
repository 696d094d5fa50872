"""Planning: params.yaml and papers/ to names: what is made from what, and where it is kept."""
