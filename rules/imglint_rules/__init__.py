"""The built-in rules, one module each. They import only `imglint`.

A rule's file name is its id (`latest_tag.py` is `latest-tag`), its docstring is its documentation, and these names are its contract:

- the docstring, in Markdown: a one-line summary; then why it matters, how to fix it, and the options, if it has any; then examples under
  `## Flagged` and `## Passed`: fenced blocks whose info string ends in the kind of file (`dockerfile`, `yaml compose`, `yaml kubernetes`,
  `yaml helm-values`). A `yaml policy` block applies to the blocks after it, and so does a `yaml registry` block: it has the images that registries
  have. A `yaml beside values.yaml` block is a file of that name in their folder. The tests run all of them: a block under Flagged must give exactly
  one finding of the rule, a block under Passed none. The blocks under `## Fixed` (optional) are in pairs: a file, and the file after all fixes of
  the rule;
- `LEVEL`: its default severity;
- `ENVIRONMENTS` (optional): the environments that it checks unless the policy lists others;
- `TAGS` and `SECURITY_SEVERITY` (optional): tags for SARIF, and a score from "0.0" to "10.0";
- `COVERS` (optional): the ids of rules whose findings are redundant where this rule reports the same image or user, so that one fault is one finding.
  They are reported if the finding of this rule is silenced by an exception or a comment;
- `KINDS` (optional): the kinds of files that it checks, a tuple of strings; all files without it;
- `ONLINE` (optional): True for a rule that needs registries. It runs only with `--online`. It asks `use.online` about `use.asked`, which are None where
  there is nothing to ask. A question that a registry does not answer raises Unverified, which ends the rule for this image, and the engine reports
  unverified-image;
- `FIX` (optional): what the fixes of the rule change, and where they are safe; a rule that offers any has it;
- `Options` (optional): a record with a field for each of the rule's own keys in the policy file, with underscores instead of dashes. The
  annotation gives the values that the key accepts: `int` (not negative), `bool`, `str`, `tuple[int, ...]` and `tuple[str, ...]` (a list), or
  several of these joined by `|`. Every field has a default; use `None` for a key without one;
- `check_image(use, options)` and `check_user(user, options)`: generators of findings. A rule has at least one of them.

Modules that begin with an underscore are not rules.
"""
