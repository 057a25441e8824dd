"""Head, loss, batch and decoding of each kind of problem; no training loop in here."""
