"""AherNet's anchor network alone, on one source: AherNet*, AherNet_M, and what AherNet starts from."""
