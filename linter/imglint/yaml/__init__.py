"""YAML with exact positions."""
