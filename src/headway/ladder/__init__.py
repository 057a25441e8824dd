"""The ladder: rungs, the rows they share, what they cost, how they compare, and the verdict."""
