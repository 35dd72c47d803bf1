"""One module for each output format. A module here is a format; nothing else has to know of it.

A format's file name is its name on the command line, and its function is its contract:

- `write(report, out)`: write the Report to a text stream.
- `FINGERPRINTS = True`, where it uses the findings' fingerprints, which are not computed otherwise;
- `TERMINAL = True`, where it is made for people: `write` then takes the arguments `color` and `summary`, which say whether to use them.
"""
