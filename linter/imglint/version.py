"""The version of imglint. It is not read with importlib.metadata, which takes longer to import than checking a file does."""

VERSION = "0.1.0"
