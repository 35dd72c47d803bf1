"""The built-in readers, one module for each kind of file. To add a reader, add a module; nothing else refers to it.

A reader's file name is its kind (`helm_values.py` reads `helm-values`), and its functions are its contract:

- `FILES`: patterns of the file names (lower case, without folders) that a walk opens for it;
- `claims(source)`: whether the file is of this kind, by its name or content. No two built-in readers claim the same file;
- `ENVIRONMENT` (optional): the environment of its files that no list of the policy claims, by default that of the policy;
- `read(source)`: the facts in the file: ImageUse, RunUser, Problem, Comment, in any order. It never raises: what it cannot read is a Problem.
"""

ASKED_FIRST = ("kubernetes", "helm-values", "helm-template", "dockerfile")
"""The most frequent kinds. Asking their readers first saves importing the others; it never changes which reader claims a file."""
