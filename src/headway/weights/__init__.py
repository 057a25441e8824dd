"""Published weights: reading them, converting them by rule tables, and bringing them here by name."""
