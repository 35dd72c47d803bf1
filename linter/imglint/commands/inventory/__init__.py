"""The formats of `imglint images`, one module each.

A format's file name is its name on the command line. It has one function:

- `write(entries, out)`: writes the Entry of each place where an image is named to a text stream. The entries are in order of path and line, and can
  be read once.

Modules that begin with an underscore are not formats.
"""
