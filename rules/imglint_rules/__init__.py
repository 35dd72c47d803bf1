"""The built-in rules, one module each. They import only `imglint`.

A rule's file name is its id (`latest_tag.py` is `latest-tag`), its docstring is its documentation, its functions are its contract:

- the docstring: one line that says what is flagged, why it matters, how to put it right, then examples under "Flagged" and "Passed";
- `LEVEL`: its default severity; `ENVIRONMENTS`, where it has one: the environments in which it speaks by default;
- `Options`, where it has any: a record whose fields are its own keys in the policy file;
- `check_image(use, options)` and `check_user(user, options)`: generators of findings.
"""
