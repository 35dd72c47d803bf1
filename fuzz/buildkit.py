"""Hold the Dockerfile scanner to BuildKit's own parser, from the package `dockerfile`, on generated Dockerfiles.

The package contains the parser of BuildKit v0.12.5, so the scanner reads as RELEASE. The package decodes flags as Latin-1 and does not return those of
instructions after ONBUILD. A file that BuildKit rejects is not compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dockerfile

from imglint.dockerfile.instructions import DEFAULT_ESCAPE, operands_start, parse_dockerfile, split_flags, split_words
from imglint.dockerfile.spaces import WORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from imglint.dockerfile.instructions import Instruction, ParsedDockerfile

RELEASE = 12

KEYWORDS = (
    *(
        "FROM",
        "from",
        "RUN",
        "COPY",
        "ADD",
        "ONBUILD RUN",
        "ONBUILD COPY",
        "ONBUILD",
        "ONBUILD -- RUN",
        "ENV",
        "ARG",
        "USER",
        "LABEL",
        "CMD",
        "SHELL",
    ),
    *(
        "HEALTHCHECK",
        "EXPOSE",
        "WORKDIR",
        "VOLUME",
        "ENTRYPOINT",
        "STOPSIGNAL",
        "MAINTAINER",
        "UNKNOWN",
        "WOR\u212aDIR",
        "ONBU\u0130LD RUN",
        "ONBU\u0131LD",
    ),
)
SPACES = (
    *[" "] * 16,
    *(
        "\t",
        "  ",
        "\v",
        "\f",
        "\x1c",
        "\x1f",
        "\xa0",
        "\x85",
        "\u3000",
        "\r",
        "\u2028",
        "\u1680",
        "\u2005",
        "\u200b",
        "\ufeff",
        "",
    ),
)
TOKENS = (
    *(
        "a:1",
        "AS",
        "A\u017f",
        "b",
        ".",
        "/x",
        "--from=b",
        "--from=a:2",
        "--mount=from=c:3",
        "--mount=type=bind,from=d:1",
        "--platform=linux/amd64",
    ),
    *(
        "--",
        "--x",
        '--""',
        "--''",
        '--from="a b"',
        "--from='a:1'",
        "--fr\\om=a",
        "--x=\\",
        '--x="',
        "--x='",
        '--x="\\"',
        "-x",
        "-",
        "---",
    ),
    *(
        '"q r"',
        "'s t'",
        '"',
        "'",
        "\\",
        "\\\\",
        "`",
        "``",
        '\\"',
        "\\'",
        "\\ ",
        "\\$",
        "<<EOF",
        "<<-EOF",
        '<<"EOF"',
        "<<'EOF'",
        "3<<EOF",
        "<<EOF<<X",
        "<<",
    ),
    *(
        "<<<x",
        "<",
        "<<-",
        "<<\\EOF",
        '<<E"O"F',
        "<<\ufeffEOF",
        "<<$X",
        "<<${X}",
        "<<E${X:-F}",
        "<<${X:-<<EOF}",
        "cat <<EOF",
        "<<E$X",
        "<<E\\ F",
        '<<""',
    ),
    *(
        "<<\u0665EOF",
        "\u0665<<EOF",
        "<<EOF;",
        "${#PATH}",
        "${X}",
        "$X",
        "${X:-y}",
        "${X-y}",
        "${X:+ y}",
        "${X:-${Y:-<<EOF }}",
        "${X:- <<EOF}",
        "${X?}",
    ),
    *(
        "${X:}",
        "${X",
        "${",
        "${}",
        "${:",
        "${{",
        "${X%y}",
        "${X#y}",
        "${X:#y}",
        "${X/a/b}",
        "${@}",
        "${1a}",
        "${\xb2}",
        "$",
        "$$",
        "$1",
        "$(",
        "$((1<<EOF))",
    ),
    *(
        "`cmd`",
        '["a","b"]',
        '["<<EOF"]',
        "[",
        "[]",
        '["a",',
        '["a"] x',
        '["a"]]',
        "[1]",
        "[[]]",
        "[NaN]",
        '["\\u0041"]',
        '["\\x"]',
        '[ "a" ]',
        "#",
        "# c",
    ),
    *(
        "k=v",
        'k="v w"',
        "k=",
        "=v",
        "k=v\\",
        "EOF",
        "X",
        "&&",
        "\xa0",
        "\x1c",
        "\xe0",
        "\xc5",
        "x\xe0--from=e:1",
        "\u2145",
        "\u2150",
        "\U0001f170",
        "\u2020",
    ),
    *("\xe0", "--x=\xe0", "--x=\u2150", "--x=\u2145", '--x="\xe0"', "--x=\\\xe0", "\u0130", "\u212a"),
)
LINE_ENDS = (
    *["\n"] * 16,
    *(
        "\\\n",
        "\\ \n",
        "\\\t\n",
        "\\\n\n",
        "\\\n# c\n",
        "\\\n  # c\n",
        "`\n",
        "\r\n",
        "\\\r\n",
        "\r\r\n",
        "\n\n",
        "\n \n",
        "\n\t\n",
        "\\\\\n",
        "",
        "\n\xa0\n",
    ),
    *(
        "\r",
        "\x85",
        "\u2028",
        "\\\n\xa0\n",
        "\\\n\x1c#c\n",
        "\\\n\xa0#c\n",
        "\\\n\\\n",
        "\\\xa0\n",
        "\\\v\n",
        "\n\x1c\n",
        "\n\u3000# c\n",
        "\\",
    ),
)
BODIES = (
    "EOF\n",
    "\tEOF\n",
    " EOF\n",
    "EOF \n",
    "EOF\r\n",
    "EOF\r\r\n",
    "EOF",
    "X\n",
    "FROM z:9\n",
    "# c\n",
    "",
    "E F\n",
    "$X\n",
    "E${X:-F}\n",
    "EOF;\n",
    "\\\n",
    "\n",
)
HEADS = (
    *[""] * 12,
    *(
        "# escape=`\n",
        "# syntax=a/b\n",
        "#escape=`\n",
        "# escape = \\\n",
        "\ufeff",
        "# check=skip=all\n",
        "# check=x\n# escape=`\n",
        "\xa0# escape=`\n",
    ),
    *(
        "#\xa0escape=`\n",
        "#\vescape=`\n",
        "# escape\xa0=`\n",
        "# escape=\xa0`\n",
        "# escape=`\xa0\n",
        "# escape=`\r\n",
        "# escape= \n",
        "# escape=\n",
    ),
    *(
        "#!x\n",
        "\n",
        "# c\n# escape=`\n",
        "# syntax=a\n# escape=`\n",
        "# ESCAPE=`\n",
        "# \u212a=`\n",
        "#escape=`\n#escape=`\n",
        "#\n# escape=`\n",
    ),
)


def generate(choose: Callable[[int], int]) -> str:
    """Return a Dockerfile. `choose` returns a number below the one that it is given."""

    def one_of(texts: tuple[str, ...]) -> str:
        return texts[choose(len(texts))]

    parts = [one_of(HEADS)]
    for _ in range(1 + choose(5)):
        parts += [one_of(("", "", "", "", " ", "\t", "\xa0", "\x1c", "\u2028", "\\\n")), one_of(KEYWORDS)]
        for _ in range(choose(6)):
            parts += [one_of(SPACES), one_of(TOKENS)]
        if not choose(5):
            parts.append(one_of(SPACES))
        parts.append(one_of(LINE_ENDS))
        if not choose(3):
            parts += [one_of(BODIES) for _ in range(1 + choose(3))]
    return "".join(parts)


def difference(text: str) -> str | None:
    """Return how the scanner differs from BuildKit on a text, or None."""
    if "\0" in text:
        return None  # The package passes C strings.
    try:
        commands = [command for command in dockerfile.parse_string(text) if command.cmd]
    except (dockerfile.GoParseError, UnicodeDecodeError):
        return None
    text = text.removeprefix("\ufeff")
    parsed = parse_dockerfile(text, RELEASE)
    if parsed.errors or parsed.unread:
        return f"imglint reports {parsed.errors or parsed.unread}, BuildKit does not"
    ours = [(one.keyword, _trigger(parsed, one)) for one in parsed.instructions]
    theirs = [(_upper(command.cmd), _upper(command.sub_cmd or "")) for command in commands]
    if ours != theirs:
        return f"imglint has {ours}, BuildKit {theirs}"
    for command, instruction in zip(commands, parsed.instructions, strict=True):
        line = text.count("\n", 0, instruction.offset(instruction.start)) + 1
        if not command.start_line <= line <= command.end_line:
            return f"imglint has {instruction.keyword} on line {line}, BuildKit on {command.start_line}"
        flags = [flag.value.text if flag.value else None for flag in split_flags(instruction, DEFAULT_ESCAPE)[0]]
        if len(flags) != len(command.flags) or not all(map(_same_flag, flags, command.flags)):
            return f"imglint has the flags {flags}, BuildKit {command.flags}"
        operands = _operands(parsed, instruction)
        if operands is not None and operands != tuple(command.value):
            return f"imglint has the operands {operands}, BuildKit {command.value}"
    return None


def _trigger(parsed: ParsedDockerfile, instruction: Instruction) -> str:
    return instruction.part(operands_start(instruction, parsed.flag_escape)).keyword if instruction.keyword == "ONBUILD" else ""


def _upper(keyword: str) -> str:
    return "".join([{"\u0130": "I", "\u212a": "K"}.get(char, char.upper() if char.isascii() else char) for char in keyword])


def _same_flag(ours: str | None, theirs: str) -> bool:
    """Whether two flags are equal. A character with a byte that is white space belongs to ours as a whole."""
    if ours is None:
        return False
    bytewise = ours.encode().decode("latin-1")
    return bytewise == theirs or (ours[-1:] > "\x7f" and bytewise.startswith(theirs) and len(bytewise) < len(theirs) + 4)


def _operands(parsed: ParsedDockerfile, instruction: Instruction) -> tuple[str, ...] | None:
    """Return the operands of an instruction as the package does, or None if they are not compared."""
    if instruction.keyword == "ONBUILD":
        instruction = instruction.part(operands_start(instruction, parsed.flag_escape))
    start = operands_start(instruction, parsed.flag_escape)
    rest = instruction.text[start : instruction.end]
    if not rest[:1].isascii():
        return None  # After a flag, it may start with a part of a character.
    if instruction.keyword == "FROM":
        return tuple(WORD.findall(rest))
    if instruction.keyword in ("USER", "WORKDIR") or (instruction.keyword == "RUN" and not rest.startswith("[")):
        return (rest,) if rest else ()
    if instruction.keyword == "ARG" and start == instruction.arguments_start and not rest.endswith(parsed.escape):
        return tuple([instruction.text[slice(*span)] for span in split_words(instruction, parsed.escape)])
    return None
