"""The mathematics: modules and functions that models are composed of. No model's name is known here."""
