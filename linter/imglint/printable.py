"""Text for messages and reports: make text from files safe to print to terminals, CI logs and JSON documents, and list and count words."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

NAME_MAX = 100
"""Characters of a name from a file that messages and `where` repeat."""


COMMAND = r"##(?=\w*\[)"
"""What runners take for a command anywhere in a line: `##[` on GitHub, `##vso[` on Azure Pipelines, `##teamcity[`."""


DIGEST = r"(\bsha(?:256|384|512):[0-9a-f]{12})[0-9a-f]{52,}"
"""A digest, and as a group the part of it that messages show."""


def printable(text: str) -> str:
    r"""Return text with every non-printable character replaced by its Python escape (`\x1b`, `\u202e`), and in `##[` the second `#`.

    Non-printable are all characters that Unicode calls so: control characters, line breaks, terminal escapes, bidirectional overrides, zero-width
    characters, and the surrogates of undecodable file names. CI runners take `##[` and `##vso[` for commands, wherever they are in a line.
    """
    if not text.isprintable():
        text = "".join([char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text])
    return _without_commands(text, r"#\\x23") if "##" in text else text


def printable_line(text: str) -> str:
    """Return text as `printable` does, safe as a whole line of output.

    CI runners take a line that begins with `::` for a command, also behind spaces. If a line does, it begins with the name of a file, which is the same
    file behind `./`.
    """
    text = printable(text)
    return f"./{text}" if text.lstrip(" ").startswith("::") else text


def json_line(text: str) -> str:
    r"""Return a JSON text, encoded in ASCII, with the second `#` of `##[` as `\u0023`, so that no CI runner takes it for a command."""
    return _without_commands(text, r"#\\u0023") if "##" in text else text


def _without_commands(text: str, escape: str) -> str:
    import re

    return re.sub(COMMAND, escape, text)


def short_digests(text: str) -> str:
    """Return text with only the first digits of each digest: `sha256:0123456789ab...`. Messages repeat the text of a file, which has all of them."""
    if "sha" not in text:
        return text
    import re

    return re.sub(DIGEST, r"\1...", text)


def clipped(name: str) -> str:
    """Return a name from a file, shortened to NAME_MAX characters so that messages stay short."""
    return name if len(name) <= NAME_MAX else name[: NAME_MAX - 3] + "..."


def well_formed(text: str) -> str:
    """Return text that can be encoded as UTF-8. The surrogates of undecodable file names become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def listed(words: Iterable[str], conjunction: str = "or") -> str:
    """Return words, at least one, as a list in a sentence: `a, b or c`."""
    *front, last = words
    return f"{', '.join(front)} {conjunction} {last}" if front else last


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
