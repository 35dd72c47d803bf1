"""The results that a run keeps: counts, and the findings of all files in compressed form."""

from __future__ import annotations

from imglint.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imglint.engine.discover import Found
    from imglint.model import Finding, PolicyLocation

LOOSE = 500
"""Findings kept as objects; more are compressed."""


@record
class FileReport:
    """The result of checking one file: the findings in line order, and the number of image uses (`places`).

    `kind` is empty if no reader claimed the file. `used_exceptions` holds the locations of the exceptions that silenced something. `failed` is True
    if a fault in imglint or in a plugin kept the file from being checked. `incomplete` is True if a part of the file was not read and no finding
    reports that. `named_files` are the files that the file names.
    `environment` is that of files of the kind, if it has one.
    """

    findings: tuple[Finding, ...] = ()
    kind: str = ""
    places: int = 0
    used_exceptions: frozenset[PolicyLocation] = frozenset()
    failed: bool = False
    incomplete: bool = False
    named_files: tuple[Found, ...] = ()
    environment: str = ""


class Findings:
    """A sequence of findings. Many are compressed to a tenth of their size and recreated on each iteration."""

    __slots__ = ("_count", "_loose", "_packs")

    def __init__(self) -> None:
        self._packs: list[bytes] = []
        self._loose: list[Finding] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Finding]:
        for pack in self._packs:
            yield from _unpacked(pack)
        yield from self._loose

    def __contains__(self, finding: object) -> bool:
        return any(finding == other for other in self)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add findings."""
        for finding in findings:
            self._loose.append(finding)
            self._count += 1
            if len(self._loose) > LOOSE:
                self.pack()

    def join(self, others: Findings) -> None:
        """Append other findings without unpacking them."""
        if not others:
            return
        self.pack()
        others.pack()
        self._packs += others._packs
        self._count += others._count

    def pack(self) -> None:
        """Compress the findings that are not compressed yet."""
        if self._loose:
            import pickle
            import zlib

            # Level 1: repetitive text compresses well even at the fastest level.
            self._packs.append(zlib.compress(pickle.dumps(self._loose, pickle.HIGHEST_PROTOCOL), 1))
            self._loose = []


def _unpacked(pack: bytes) -> list[Finding]:
    import pickle
    import zlib

    found: list[Finding] = pickle.loads(zlib.decompress(pack))  # noqa: S301  packed by this process or one of its workers
    return found


class RunResults:
    """The results of the files checked so far, in order."""

    __slots__ = ("failed", "files", "findings", "incomplete", "named_files", "places", "used_exceptions")

    def __init__(self) -> None:
        self.findings = Findings()
        self.files = self.places = self.incomplete = 0
        self.used_exceptions: set[PolicyLocation] = set()
        self.named_files: set[Found] = set()
        self.failed = False

    def add(self, report: FileReport) -> None:
        """Add the report of the next file."""
        self.findings.extend(report.findings)
        self.files += report.kind != ""
        self.places += report.places
        self.used_exceptions |= report.used_exceptions
        self.named_files.update(report.named_files)
        self.failed = self.failed or report.failed
        self.incomplete += report.incomplete

    def join(self, other: RunResults) -> None:
        """Append the results of the files that follow."""
        self.findings.join(other.findings)
        self.files += other.files
        self.places += other.places
        self.used_exceptions |= other.used_exceptions
        self.named_files |= other.named_files
        self.failed = self.failed or other.failed
        self.incomplete += other.incomplete
