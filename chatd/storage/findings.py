"""What a check has found wrong. A finding names the place, never what was written there."""

from __future__ import annotations

from dataclasses import dataclass, field

FINDINGS_MAX = 1_000


@dataclass(slots=True)
class Report:
    """The first FINDINGS_MAX findings as sentences, and how many there were in all."""

    findings: list[str] = field(default_factory=list)
    found: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    boxes: int = 0
    texts: int = 0
    texts_untold: int = 0
    files: int = 0
    file_bytes: int = 0

    def add(self, finding: str) -> None:
        self.found += 1
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)
