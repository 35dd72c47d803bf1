"""Fuzzing: `make fuzz`. No part of the package."""
