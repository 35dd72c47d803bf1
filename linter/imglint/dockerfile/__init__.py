"""Dockerfiles, read as BuildKit reads them."""
