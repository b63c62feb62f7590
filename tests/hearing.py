"""What a node writes into its audit, heard in a test."""

from __future__ import annotations

from collections.abc import Collection

from fusioncmd.audit.entries import Entry, Recorder


class Heard:
    """Hears what a recorder is told of such deeds, in order."""

    def __init__(self, recorder: Recorder, wanted: Collection[str], entries: list[Entry] | None = None) -> None:
        self.entries = [] if entries is None else entries
        self._wanted = wanted
        record, record_after, note = recorder.record, recorder.record_after, recorder.note

        async def recorded(entry: Entry) -> None:
            await record(entry)
            self._hear(entry)

        async def recorded_after(entry: Entry) -> None:
            self._hear(entry)
            await record_after(entry)

        def noted(entry: Entry) -> None:
            note(entry)
            self._hear(entry)

        recorder.record, recorder.record_after, recorder.note = recorded, recorded_after, noted  # type: ignore[method-assign]

    def _hear(self, entry: Entry) -> None:
        if entry.deed in self._wanted:
            self.entries.append(entry)

    def deeds(self) -> list[tuple[str, str, str]]:
        return [(entry.actor, entry.deed, entry.refused) for entry in self.entries]
