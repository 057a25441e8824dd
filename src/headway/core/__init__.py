"""The ground floor: errors, configuration, files, seeds, devices, progress. Imports nothing of Headway."""
