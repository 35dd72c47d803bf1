"""What a run keeps of the files it has checked: how much was looked at, and the findings, packed. Imports pickle and zlib where there are many."""

from __future__ import annotations

from imglint.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imglint.model import Finding, Place

LOOSE = 500
"""Findings that are kept as they are; more are packed."""


@record
class FileReport:
    """What one file gave: its findings in line order.

    `kind` is empty where no reader took it. `excepted` tells where the exceptions stand that silenced something, `failed` whether a fault in
    imglint or in a plugin kept the file from being checked.
    """

    findings: tuple[Finding, ...] = ()
    kind: str = ""
    places: int = 0
    excepted: frozenset[Place] = frozenset()
    failed: bool = False


class Findings:
    """Findings in the order in which they came. Many are packed into a tenth of their size, and made anew each time that they are gone through."""

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
        return any(finding == one for one in self)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add findings."""
        for finding in findings:
            self._loose.append(finding)
            self._count += 1
            if len(self._loose) > LOOSE:
                self.pack()

    def join(self, others: Findings) -> None:
        """Add what others hold, as it is packed there."""
        self.pack()
        others.pack()
        self._packs += others._packs
        self._count += others._count

    def pack(self) -> None:
        """Pack what is not packed yet."""
        if self._loose:
            import pickle
            import zlib

            # The quickest level: texts that repeat themselves shrink at any.
            self._packs.append(zlib.compress(pickle.dumps(self._loose, pickle.HIGHEST_PROTOCOL), 1))
            self._loose = []


def _unpacked(pack: bytes) -> list[Finding]:
    import pickle
    import zlib

    found: list[Finding] = pickle.loads(zlib.decompress(pack))  # noqa: S301  what this process, or one that it started, has packed
    return found


class RunResults:
    """What the files checked so far gave, in their order."""

    __slots__ = ("excepted", "failed", "files", "findings", "places")

    def __init__(self) -> None:
        self.findings = Findings()
        self.files = self.places = 0
        self.excepted: set[Place] = set()
        self.failed = False

    def add(self, report: FileReport) -> None:
        """Add what the next file gave."""
        self.findings.extend(report.findings)
        self.files += report.kind != ""
        self.places += report.places
        self.excepted |= report.excepted
        self.failed = self.failed or report.failed

    def join(self, other: RunResults) -> None:
        """Add what the next files gave."""
        self.findings.join(other.findings)
        self.files += other.files
        self.places += other.places
        self.excepted |= other.excepted
        self.failed = self.failed or other.failed
