"""Plugins: find and load rules, readers and formats, and check their contracts."""
