"""Read Dockerfiles and Containerfiles.

A file is claimed by a name that Docker, Podman and editors recognize. A file with another name, such as `build/image`, is claimed if it consists of
Dockerfile instructions. Templates (`Dockerfile.j2`) are not claimed; `kinds` in the policy can add them.
"""

from __future__ import annotations

from imglint.dockerfile.facts import read_dockerfile
from imglint.dockerfile.instructions import DEFAULT_ESCAPE, operands_start, parse_dockerfile
from imglint.dockerfile.spaces import WORD
from imglint.dockerfile.stages import KEYWORDS, split_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.model import Fact
    from imglint.source import Source

STEMS = ("dockerfile", "containerfile")
FILES = tuple(pattern for stem in STEMS for pattern in (f"{stem}*", f"*{stem}"))

OTHER_EXTENSIONS = frozenset(
    (
        *("j2", "jinja", "jinja2", "tmpl", "tpl", "template", "gotmpl", "erb", "mustache", "hbs", "in", "m4"),
        *("dockerignore", "md", "rst", "adoc", "html", "yml", "yaml", "json", "toml", "xml", "lock", "patch", "diff"),
    )
)
"""Extensions of templates, and of documents and data about Dockerfiles."""

AMBIGUOUS_EXTENSIONS = frozenset(
    (
        *("txt", "go", "py", "js", "mjs", "cjs", "ts", "tsx", "jsx", "rb", "rs", "java", "kt", "scala", "groovy", "c", "h", "cc"),
        *("cpp", "hpp", "cs", "php", "pl", "sh", "bash", "zsh", "fish", "ps1", "bat", "lua", "ex", "exs", "el", "vim", "swift"),
        *("dart", "ini", "cfg", "conf", "css", "snap", "log", "sum", "mod"),
    )
)
"""Extensions of source code and of images for it: `Dockerfile.php` is a Dockerfile for PHP or PHP code. The content decides."""


def claims(source: Source) -> bool:
    """Whether the name or the content of a file is that of a Dockerfile."""
    name = source.name.lower()
    extension = name.rpartition(".")[2]
    if name in STEMS:
        return True
    if extension in OTHER_EXTENSIONS:
        return False
    if extension not in AMBIGUOUS_EXTENSIONS and (extension in STEMS or name.startswith(tuple(f"{stem}." for stem in STEMS))):
        return True
    return _has_instructions(source.text, strict=not any(stem in name for stem in STEMS))


def read(source: Source) -> list[Fact]:
    """Return the facts of a Dockerfile."""
    return read_dockerfile(source)


def _has_instructions(text: str, *, strict: bool) -> bool:
    """Whether a text starts with ARG or FROM and its first FROM is valid. `strict` requires valid instructions in capitals throughout."""
    if _first_word(text).upper() not in ("FROM", "ARG"):
        return False
    instructions = parse_dockerfile(text).instructions
    first_from = next((one for one in instructions if one.keyword == "FROM"), None)
    if first_from is None or split_from(first_from, operands_start(first_from, DEFAULT_ESCAPE))[2]:
        return False
    return not strict or all(one.keyword in KEYWORDS and one.text.startswith(one.keyword, one.start) for one in instructions)


def _first_word(text: str) -> str:
    """Return the first word outside comments."""
    index = 0
    while index < len(text):
        end = text.find("\n", index)
        end = len(text) if end < 0 else end
        word = WORD.search(text, index, end)
        if word is not None and not word[0].startswith("#"):
            return word[0]
        index = end + 1
    return ""
