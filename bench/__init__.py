"""Measures imglint beside its peers: `make bench`. No part of the package."""
