"""Plugins: finding and loading rules, readers and formats, and checking their contracts."""
