"""Scores of predicted labels, what they are worth on this many rows, and calibration. Needs numpy alone."""
