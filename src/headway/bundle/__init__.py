"""What the user ships: the run folder, its record, and the predictors in it."""
