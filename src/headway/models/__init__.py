"""One file per published system, and beside them the contracts, the heads and the registry."""
