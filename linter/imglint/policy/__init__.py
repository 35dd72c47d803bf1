"""The policy file: reading it, and what applies to each file and image."""
