"""How a model is trained: one loop, its settings, schedules and parameter groups."""
