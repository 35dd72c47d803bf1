"""Patterns for images, paths and tags."""
