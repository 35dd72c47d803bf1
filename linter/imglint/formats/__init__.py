"""The output formats, one module each.

A format's file name is its name on the command line, and these names are its contract:

- `write(report, out)`: writes the Report to a text stream;
- `FINGERPRINTS = True` (optional): the format uses the fingerprints of findings, which are not computed otherwise;
- `TERMINAL = True` (optional): the format is meant for people. `write` then takes the keyword arguments `color` (whether to use the escape sequences of
  a terminal) and `summary` (whether to end with a summary);
- `VIEW = True` (optional): `write` then takes the keyword argument `view`, a View: which findings it shows, the width of the terminal, and a closing
  line. Without it, a format gets only the findings that it is to write.

Modules that begin with an underscore are not formats.
"""
