"""The policy file: reading it, and looking up what it says."""
