"""`scripts/messages` prints every message that the fixtures produce, in the style that all messages share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent / "scripts" / "messages"


def test_messages_of_the_fixtures() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines == sorted(set(lines))
    messages = [line.partition(": ")[2] for line in lines]
    assert not [message for message in messages if message.endswith((".", ";", ",")) or message[:1].isspace()]
    assert not [message for message in messages if ".imglint.yaml:" in message]
    assert {line.partition(":")[0] for line in lines} >= {"latest-tag", "policy-error", "syntax-error"}
