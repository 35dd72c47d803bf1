"""One module for each kind of file. A module here is a reader; nothing else has to know of it.

A reader's file name is its kind (`helm_values.py` reads `helm-values`), and its functions are its contract:

- `FILES`: patterns of the file names (without folders, in lower case) that a walk has to look into for it;
- `claims(source)`: whether the file, by its name or its content, is of this kind;
- `read(source)`: its facts: ImageUse, RunUser, Problem, Comment, in any order. It never raises: what it cannot read is a Problem.
"""
