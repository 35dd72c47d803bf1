"""The fixes that the rules offer: tables of a file and a policy, and the file after the fixes, which was read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from imglint.engine.discover import Found
from imglint.engine.facts import Settings
from imglint.engine.fix import fix_file
from imglint.engine.tree import Trees
from imglint.plugins import load as plugins
from imglint.policy.find import one_for_all
from imglint.policy.load import load
from imglint.policy.lookup import FILE_NAME, default_policy


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fixed(policy: str, path: str, text: str, *selected: str, unsafe: bool = True) -> str:
    """Return a file after the fixes of the selected rules, the text itself if there are none, or why they failed."""
    data = text.encode()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)
    if policy:
        Path(FILE_NAME).write_text(policy, encoding="utf-8")
    policies = one_for_all(load(FILE_NAME, plugins.rules(), plugins.kinds()) if policy else default_policy())
    settings = Settings(policies, plugins.rules(), selected=frozenset(selected), tree=Trees(policies))

    def is_wanted(finding: object) -> bool:
        fix = getattr(finding, "fix", None)
        return fix is not None and (fix.safe or unsafe) and (not selected or getattr(finding, "rule", "") in selected)

    after = fix_file(Found(path, True), data, settings, is_wanted)
    return after.failure or after.after.decode()


UID = "rules: {root-user: {uid: 1001}}\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - name: web\n    image: docker.io/acme/web:1.2.3\n{}"
SERVICE = "services:\n  web:\n    image: docker.io/acme/web:1.2.3\n{}"
INLINE = "services:\n  web:\n    build:\n      dockerfile_inline: {}"
SAME = "SAME"

# name of the case: policy, file, text, the text after the fixes
ROOT_USER = {
    "an operand": (UID, "Dockerfile", "FROM a\nUSER root\n", "FROM a\nUSER 1001\n"),
    "no fix of what looks like a comment": (UID, "Dockerfile", "FROM a\nUSER root:root # no comment\n", SAME),
    "a group, which was chosen for the other user": (UID, "Dockerfile", "FROM a\nUSER  0:0  \n", "FROM a\nUSER  1001  \n"),
    "quotes stay": (UID, "Dockerfile", 'FROM a\nUSER "0"\n', 'FROM a\nUSER "1001"\n'),
    "no fix of a variable": (UID, "Dockerfile", "FROM a\nARG U=0\nUSER $U\n", SAME),
    "no fix without a uid": ("", "Dockerfile", "FROM a\nUSER root\n", SAME),
    "the first of a list": ("rules: {root-user: {uid: [7, 8]}}\n", "Dockerfile", "FROM a\nUSER root\n", "FROM a\nUSER 7\n"),
    "the uid of the row": ("images: [{match: a, uid: 9}]\n", "Dockerfile", "FROM a\nUSER root\n", "FROM a\nUSER 9\n"),
    "an operand that continues": (UID, "Dockerfile", "FROM a\nUSER \\\n  0\nCMD x\n", "FROM a\nUSER \\\n  1001\nCMD x\n"),
    "a new line": (UID, "Dockerfile", "FROM a\nRUN b\n", "FROM a\nRUN b\nUSER 1001\n"),
    "a new line without a line break": (UID, "Dockerfile", "FROM a\nRUN b", "FROM a\nRUN b\nUSER 1001"),
    "a new line, the only one": (UID, "Dockerfile", "FROM a", "FROM a\nUSER 1001"),
    "a new line with carriage returns": (UID, "Dockerfile", "FROM a\r\nRUN b\r\n", "FROM a\r\nRUN b\r\nUSER 1001\r\n"),
    "carriage returns, but not at the end": (UID, "Dockerfile", "FROM a\r\nRUN b", "FROM a\r\nRUN b\r\nUSER 1001"),
    "line feeds after a carriage return": (UID, "Dockerfile", "FROM a\r\nRUN b\n", "FROM a\r\nRUN b\nUSER 1001\n"),
    "a new line after a heredoc": (
        UID,
        "Dockerfile",
        "FROM a\nRUN <<X\nUSER 5\nX\n\n# end\n",
        "FROM a\nRUN <<X\nUSER 5\nX\nUSER 1001\n\n# end\n",
    ),
    "a heredoc at the end of the file": (UID, "Dockerfile", "FROM a\nRUN <<X\nx\nX", "FROM a\nRUN <<X\nx\nX\nUSER 1001"),
    "a new line after a continued one": (
        UID,
        "Dockerfile",
        "FROM a \\\n  AS b",
        "FROM a \\\n  AS b\nUSER 1001",
    ),
    "a new line after a continued one with comments": (
        UID,
        "Dockerfile",
        "FROM a\n  RUN b \\\n# c\n    d\n# e\n",
        "FROM a\n  RUN b \\\n# c\n    d\n  USER 1001\n# e\n",
    ),
    "no new line behind a continuation without an end": (UID, "Dockerfile", "FROM a\nRUN b \\\n", SAME),
    "no new line behind such a continuation and a comment": (UID, "Dockerfile", "FROM a\nRUN b \\\n# c\n", SAME),
    "a new line after ONBUILD": (UID, "Dockerfile", "FROM a\nONBUILD USER 0\n", "FROM a\nONBUILD USER 0\nUSER 1001\n"),
    "a new line on scratch": (UID, "Dockerfile", "FROM scratch\nCOPY a /\n", "FROM scratch\nCOPY a /\nUSER 1001\n"),
    "a new line in the last stage": (
        UID,
        "Dockerfile",
        "FROM a AS b\nRUN c\nFROM b\nRUN d\n",
        "FROM a AS b\nRUN c\nFROM b\nRUN d\nUSER 1001\n",
    ),
    "a new line in the stage that is shipped": (
        f"targets: [b]\n{UID}",
        "Dockerfile",
        "FROM a AS b\nRUN c\n\nFROM d\nCMD e\n",
        "FROM a AS b\nRUN c\nUSER 1001\n\nFROM d\nCMD e\n",
    ),
    "no new line where other stages derive from the shipped one": (
        f"targets: [b]\n{UID}",
        "Dockerfile",
        "FROM a AS b\nRUN c\nFROM b\nRUN apt-get update\n",
        SAME,
    ),
    "no new line that would have to be in two stages": (
        f"targets: [b, c]\n{UID}",
        "Dockerfile",
        "FROM a AS x\nFROM x AS b\nFROM x AS c\n",
        SAME,
    ),
    "no new line in a template": (UID, "Dockerfile", "FROM a\n{{ if b }}\nRUN c\n{{ end }}\n", SAME),
    "no new line where an action precedes the stage": (UID, "Dockerfile", "{{ if b }}FROM a\nRUN c\n", SAME),
    "no new line on Windows": (UID, "Dockerfile", "FROM mcr.microsoft.com/windows/nanoserver:1\n", SAME),
    "no new line in a heredoc without an end": (UID, "Dockerfile", "FROM a\nRUN <<X\nx\n", SAME),
    "in an inline Dockerfile": (
        UID,
        "compose.yaml",
        INLINE.format("|\n        FROM a\n          RUN b\n    ports: []\n"),
        INLINE.format("|\n        FROM a\n          RUN b\n          USER 1001\n    ports: []\n"),
    ),
    "in an inline Dockerfile at the end of the file": (
        UID,
        "compose.yaml",
        INLINE.format("|-\r\n        FROM a\r\n        RUN b"),
        INLINE.format("|-\r\n        FROM a\r\n        RUN b\r\n        USER 1001"),
    ),
    "an operand in an inline Dockerfile": (
        UID,
        "compose.yaml",
        INLINE.format('"FROM a\\nUSER 0\\n"\n'),
        INLINE.format('"FROM a\\nUSER 1001\\n"\n'),
    ),
    "no new line in a quoted inline Dockerfile": (UID, "compose.yaml", INLINE.format('"FROM a\\nRUN b\\n"\n'), SAME),
    "no new line in a folded inline Dockerfile": (
        UID,
        "compose.yaml",
        INLINE.format(">\n        FROM a\n\n        RUN b\n"),
        SAME,
    ),
    "compose": (UID, "compose.yaml", SERVICE.format("    user: root\n"), SERVICE.format('    user: "1001"\n')),
    "compose, a number": (UID, "compose.yaml", SERVICE.format("    user: 0 # c\n"), SERVICE.format('    user: "1001" # c\n')),
    "compose, with a group": (UID, "compose.yaml", SERVICE.format("    user: 0:0\n"), SERVICE.format('    user: "1001"\n')),
    "compose, in quotes": (UID, "compose.yaml", SERVICE.format("    user: '0'\n"), SERVICE.format("    user: '1001'\n")),
    "compose, on a line": (
        UID,
        "compose.yaml",
        "services: {a: {image: b, user: 0}}\n",
        'services: {a: {image: b, user: "1001"}}\n',
    ),
    "compose, with an anchor": (
        UID,
        "compose.yaml",
        "services:\n  a: {image: b, user: &u root}\n  c: {image: d, user: *u}\n",
        'services:\n  a: {image: b, user: &u "1001"}\n  c: {image: d, user: *u}\n',
    ),
    "compose, no fix where others share an anchor": (
        "images: [{match: b, uid: 5}, {match: '**'}]\nrules: {root-user: {uid: 1001}}\n",
        "compose.yaml",
        "services:\n  a: {image: b, user: &u root}\n  c: {image: d, user: *u}\n",
        SAME,
    ),
    "compose, a default": (
        UID,
        "compose.yaml",
        SERVICE.format('    user: "${U:-0}"\n'),
        SERVICE.format('    user: "${U:-1001}"\n'),
    ),
    "compose, a default that is not the whole": (UID, "compose.yaml", SERVICE.format('    user: "0:${U:-0}"\n'), SAME),
    "runAsUser": (
        UID,
        "pod.yaml",
        POD.format("    securityContext: {runAsUser: 0}\n"),
        POD.format("    securityContext: {runAsUser: 1001}\n"),
    ),
    "runAsUser in quotes": (
        UID,
        "pod.yaml",
        POD.format('    securityContext:\n      runAsUser: "0"\n'),
        POD.format('    securityContext:\n      runAsUser: "1001"\n'),
    ),
    "runAsUser of a pod": (
        UID,
        "pod.yaml",
        POD.format("  securityContext:\n    runAsUser: 0 # root\n"),
        POD.format("  securityContext:\n    runAsUser: 1001 # root\n"),
    ),
    "runAsUser in JSON": (
        UID,
        "pod.json",
        '{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a", "securityContext": {"runAsUser":0}}]}}',
        '{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a", "securityContext": {"runAsUser":1001}}]}}',
    ),
    "no fix of runAsNonRoot": (UID, "pod.yaml", POD.format("    securityContext: {runAsNonRoot: false}\n"), SAME),
    "Helm values": (
        UID,
        "values.yaml",
        "image: {repository: a, tag: v1}\nsecurityContext:\n  runAsUser: 0\n",
        "image: {repository: a, tag: v1}\nsecurityContext:\n  runAsUser: 1001\n",
    ),
}


@pytest.mark.parametrize("case", ROOT_USER.values(), ids=ROOT_USER)
def test_root_user(case: tuple[str, str, str, str]) -> None:
    policy, path, text, expected = case
    assert fixed(policy, path, text, "root-user") == (text if expected == SAME else expected)
    assert fixed(policy, path, text, "root-user", unsafe=False) == text
