"""The rules that the engine itself speaks for, because no plugin could: files, comments and policies rather than images. Imports the plugins' Rule."""

from __future__ import annotations

from imglint.model import Severity

OWN_RULES = {
    "syntax-error": (
        Severity.ERROR,
        """A file that its reader cannot read as what it is.

Only a file that its name or its content claims for a kind is held to that kind: a broken YAML file of no known kind is passed over.
What stands in the broken part is not checked, so the level is error: a clean report would be a false one.

**How to put it right:** correct the syntax at the place named. If the file only looks like this kind, name it in the policy's `exclude`.""",
    ),
    "invalid-reference": (
        Severity.ERROR,
        """A text that stands where an image is named, and is no image reference.

No registry serves such a name: a pull fails. The grammar is the one that Docker, containerd and Kubernetes share: an optional registry,
a repository in lower case, an optional tag of at most 128 characters, an optional digest.

**How to put it right:** the message says which piece is wrong and what is allowed there.""",
    ),
    "unresolved-reference": (
        Severity.OFF,
        """An image reference with a variable that has no value in the files.

No rule judges such a reference, because nobody can know what it becomes. Switch this rule on where every reference has to be decided in the
repository.

**How to put it right:** give the variable a default where it is declared, or a value under `variables` in the policy.""",
    ),
    "unread-file": (
        Severity.ERROR,
        """A file that should have been checked and could not be read.

It cannot be opened, is larger than 16 MiB, is no regular file, or is not in the encoding that it says. A report that passed it over would look clean.

**How to put it right:** mend the file, or name it in the policy's `exclude`.""",
    ),
    "internal-error": (
        Severity.ERROR,
        """A reader or a rule that failed on a file: a fault in imglint or in a plugin, never in the file.

The other files are checked all the same; the exit status is 2.

**How to put it right:** run again with `--debug` for the traceback, and report it with the file, or the smallest part of it that still fails.""",
    ),
    "unused-ignore": (
        Severity.NOTE,
        """A comment `imglint: ignore[...]` that silences nothing, or that names no known rule.

Left in place it would hide the next finding that is meant to be seen.

**How to put it right:** delete the rule's name from the comment, or the comment.""",
    ),
    "expired-exception": (
        Severity.ERROR,
        """An exception in the policy whose `until` day is over.

It silences nothing any more. Days end at midnight UTC.

**How to put it right:** put right what it excused and delete it, or have a new day approved.""",
    ),
    "unused-exception": (
        Severity.NOTE,
        """An exception in the policy that silenced nothing in a run over the policy's whole folder.

What it excused is gone, or its pattern never fitted.

**How to put it right:** delete it, or correct its `match`, `rules` or `files`.""",
    ),
}

"""Level and documentation of each, by id."""
