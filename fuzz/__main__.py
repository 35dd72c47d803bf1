"""`python -m fuzz TARGET SECONDS`: fuzzes a target with atheris, seeded by the fixtures. Crashes are kept in build/fuzz/TARGET-findings."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["imglint"]):
    from fuzz.targets import TARGETS, seeds

HOME = Path(__file__).parent.parent / "build" / "fuzz"
LENGTH_MAX = 4096
"""Maximum bytes of an input: longer ones are slow to minimize, and bugs depend on the structure of a file more than on its length."""


def main() -> None:
    """Run one target for some seconds. The exit status is not 0 if it finds a crash."""
    name, seconds = sys.argv[1], sys.argv[2]
    corpus, findings = HOME / f"{name}-corpus", HOME / f"{name}-findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds(name):
        (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed)
    dictionary = Path(__file__).parent / f"{name}.dict"
    options = [f"-max_total_time={seconds}", f"-max_len={LENGTH_MAX}", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=1"]
    options += [f"-dict={dictionary}"] if dictionary.exists() else []
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={findings}/", str(corpus)], TARGETS[name])
    atheris.Fuzz()


main()
