"""The user's data: tables read, checked, split, and dealt into batches. Knows no model."""
