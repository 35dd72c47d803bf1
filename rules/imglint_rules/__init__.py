"""The built-in rules, one module each. They import only `imglint`.

A rule's file name is its id (`latest_tag.py` is `latest-tag`), its docstring is its documentation, its functions are
its contract:

- the docstring, in Markdown: one line that says what is flagged; then why it matters, how to put it right, and the
  options, where it has any; then examples under `## Flagged` and `## Passed`: fenced blocks, whose info string ends
  in the kind of file (`dockerfile`, `yaml compose`, `yaml kubernetes`, `yaml helm-values`). A block `yaml policy`
  holds for the blocks behind it. The tests run them all: a block under Flagged gives exactly one finding of the rule,
  a block under Passed none;
- `LEVEL`: its default severity;
- `ENVIRONMENTS`, where it has one: the environments in which it speaks as long as the policy names none for it;
- `TAGS` and `SECURITY_SEVERITY`, where it has them: words for SARIF, and a score from 0.0 to 10.0 as a text;
- `Options`, where it has any: a record whose fields are its own keys in the policy file, with dashes for underscores.
  The annotation of a field says what may stand there: `int` (not negative), `bool`, `str`, `tuple[int, ...]` and
  `tuple[str, ...]` (a list), or several of these joined by `|`. Each has a default; `None` stands for a key that is
  left out;
- `check_image(use, options)` and `check_user(user, options)`: generators of findings.
"""
