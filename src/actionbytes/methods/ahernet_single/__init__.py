"""AherNet's anchor network with a class head of its own, on one source: AherNet*, AherNet_M, and what AherNet starts from."""
