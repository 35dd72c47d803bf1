"""Fuzzing: `make fuzz`. Not part of the package."""
