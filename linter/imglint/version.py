"""The version of imglint: of the command, the reports and the package. Imports nothing, for importlib.metadata takes longer than checking a file."""

VERSION = "0.1.0"
