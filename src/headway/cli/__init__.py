"""The command line: one file per command; parses and prints, no more."""
