"""Dockerfiles and Containerfiles, under the names that Docker, podman and editors know them by. Imports the model and the Dockerfile facts.

A name that says nothing, such as `build/image`, is taken where the file begins as a Dockerfile does. Templates (`Dockerfile.j2`) are no Dockerfiles
until they are filled in; the policy's `kinds` can name those that are to be read all the same.
"""

from __future__ import annotations

from imglint.dockerfile.stages import begins_as_dockerfile, facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.model import Fact
    from imglint.source import Source

STEMS = ("dockerfile", "containerfile")
FILES = tuple(pattern for stem in STEMS for pattern in (f"{stem}*", f"*{stem}"))

NEVER = frozenset(
    (
        "dockerignore",
        "j2",
        "jinja",
        "jinja2",
        "tmpl",
        "tpl",
        "template",
        "gotmpl",
        "erb",
        "mustache",
        "hbs",
        "in",
        "m4",
        "md",
        "rst",
        "adoc",
        "html",
        "yml",
        "yaml",
        "json",
        "toml",
        "xml",
        "lock",
        "patch",
        "diff",
    )
)
"""Extensions of templates and of what only talks about Dockerfiles."""

LANGUAGES = frozenset(
    (
        "txt",
        "go",
        "py",
        "js",
        "mjs",
        "cjs",
        "ts",
        "tsx",
        "jsx",
        "rb",
        "rs",
        "java",
        "kt",
        "scala",
        "groovy",
        "c",
        "h",
        "cc",
        "cpp",
        "hpp",
        "cs",
        "php",
        "pl",
        "sh",
        "bash",
        "zsh",
        "fish",
        "ps1",
        "bat",
        "lua",
        "ex",
        "exs",
        "el",
        "vim",
        "swift",
        "dart",
        "ini",
        "cfg",
        "conf",
        "css",
        "snap",
        "log",
        "sum",
        "mod",
    )
)
"""Extensions that can be a language's or, as in Dockerfile.php, that of an image for it: the content tells."""


def claims(source: Source) -> bool:
    """Whether this is a Dockerfile by its name, or by how it begins."""
    name = source.name.lower()
    extension = name.rpartition(".")[2]
    if name in STEMS:
        return True
    if extension in NEVER:
        return False
    if extension not in LANGUAGES and (extension in STEMS or name.startswith(tuple(f"{stem}." for stem in STEMS))):
        return True
    return begins_as_dockerfile(source.text, strict=not any(stem in name for stem in STEMS))


def read(source: Source) -> list[Fact]:
    """Return the facts of a Dockerfile."""
    return facts(source, source.text)
