"""One batch of the register on its way into the raw tables, inside one transaction.

Belongs here: the order within a batch, and what becomes of each file: loaded, duplicate, set aside. How rows of a
source are read belongs to its module; which batches are loaded when is `load`.
"""

import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from billing_assets.landing import kinds, manifests, marketplace, quarantine, tables
from billing_assets.landing.containers import Unreadable, open_text, readable_lines
from billing_assets.landing.files import FileTotals, LandedFile
from billing_assets.landing.quarantine import Fault, FileFault, QuarantinedRow
from billing_assets.landing.register import DAMAGED, FACTS, REFUSED, RETURNED
from billing_assets.landing.rows import READERS, Account, RowWriter, is_row
from billing_assets.landing.zone import Zone
from billing_assets.ledger import RegisteredFile

# raw_landing.files.status, beside the facts changed_in_place and vanished.
LOADED = "loaded"
DUPLICATE = "duplicate"
SET_ASIDE = "set_aside"
UNREAD = "unread"  # of a source that this version does not read: neither loaded nor at fault

_UNITS = ("units_received", "units_accepted", "units_duplicate", "units_conflict", "units_quarantined")

# Month files that are being parsed, or wait parsed for the one before them.
_PARSED_AHEAD = 2

# Meters the usage files of a batch: (connection, files, batch, as_of).
Meter = Callable[[duckdb.DuckDBPyConnection, Sequence[LandedFile], int, date], None]
# What was counted in a file that has been read, and how its rows are taken in.
_Read = tuple[FileTotals, Callable[[], Account]]


@dataclass
class _Outcome:
    """What became of one registered file so far."""

    source: str
    sha256: str
    status: str
    loaded_batch: int | None = None


class BatchLoader:
    """Loads one batch. `run` may be rolled back and repeated with `reread` = the copies that it left stranded."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, zone: Zone, batch: int, reread: Collection[int]) -> None:
        self._connection = connection
        self._zone = zone
        self._batch = batch
        self._reread = reread
        self._entries = zone.entries(batch)
        self._as_of = self._entries[0].first_seen
        self._buffer = tables.Buffer(connection)
        self._rows = RowWriter(connection, self._buffer)
        self._outcomes = self._earlier_outcomes()
        self._loaded_content = {
            (outcome.source, outcome.sha256): sequence
            for sequence, outcome in self._outcomes.items()
            if outcome.loaded_batch is not None
        }
        self._changed: set[int] = set()
        # Copies: of files that are loaded, and of usage files of this batch whose fate is open. Copy -> original.
        self._copies: dict[int, int] = {}
        self._waiting: dict[int, int] = {}
        # Month files that are being parsed, by file_sequence.
        self._parsed: dict[int, Future[marketplace.Parsed]] = {}
        # Manifest -> data file, and why they disagree (None: they agree).
        self._judged: dict[int, tuple[int, str | None]] = {}

    def run(self, meter: Meter) -> set[int]:
        """Load everything; returns the copies left stranded because the file they copy was set aside.

        Order: manifests, contracts, provisioning, fx, opening, bank, feeds, then usage (judged by contracts landed so
        far).
        """
        new = [entry for entry in self._entries if entry.status not in FACTS]
        self._enter(new)
        self._load_manifests([entry for entry in new if entry.source == kinds.MANIFEST.source])
        data = [*self._retried(), *(entry for entry in new if entry.source != kinds.MANIFEST.source)]
        for kind in (kinds.CONTRACTS, kinds.PROVISIONING, kinds.FX, kinds.OPENING, kinds.BANK):
            for file in self._sound(entry for entry in data if entry.source == kind.source):
                self._load(file)
        self._load_feeds(self._sound(entry for entry in data if entry.source == kinds.FEEDS.source))
        self._load_usage(list(self._sound(entry for entry in data if entry.source == kinds.USAGE.source)), meter)
        for entry in new:
            if entry.source == kinds.UNKNOWN.source:
                refused = entry.status == REFUSED
                reason = kinds.refusal_reason(entry.sha256) if refused else "unknown kind of file"
                self._set_aside(entry, Fault("container", reason))
        return self._book_copies()

    def finish(self) -> None:
        """Facts about earlier files, what became of each file, and the note that the batch is in."""
        self._judge_late_manifests()
        self._write_judgements()
        for entry in self._entries:
            if entry.status in FACTS:
                self._enter_fact(entry)
        self._write_outcomes()
        self._buffer.add(
            "raw_landing.batches",
            [
                {
                    "batch": self._batch,
                    "first_seen": self._as_of,
                    "files": len(self._entries),
                    "register_hash": self._zone.register_hash(self._batch),
                }
            ],
        )
        self._buffer.flush()

    # -- files -------------------------------------------------------------------------------------------------

    def _earlier_outcomes(self) -> dict[int, _Outcome]:
        rows = self._connection.execute(
            "select file_sequence, source, sha256, status, loaded_batch from raw_landing.files"
        ).fetchall()
        return {row[0]: _Outcome(*row[1:]) for row in rows}

    def _enter(self, entries: Sequence[RegisteredFile]) -> None:
        for entry in entries:
            self._outcomes[entry.file_sequence] = _Outcome(entry.source, entry.sha256, UNREAD)
            self._changed.add(entry.file_sequence)
        self._buffer.add(
            "raw_landing.files",
            [
                {
                    "file_sequence": entry.file_sequence,
                    "batch": entry.batch,
                    "first_seen": entry.first_seen,
                    "path": entry.path,
                    "sha256": entry.sha256,
                    "size_bytes": entry.size_bytes,
                    "source": entry.source,
                    "status": UNREAD,
                }
                for entry in entries
            ],
        )

    def _mark(self, file_sequence: int, status: str) -> None:
        outcome = self._outcomes[file_sequence]
        outcome.status = status
        self._changed.add(file_sequence)
        if status == LOADED:
            outcome.loaded_batch = self._batch
            self._loaded_content.setdefault((outcome.source, outcome.sha256), file_sequence)

    def _write_outcomes(self) -> None:
        # Set-based: a batch of thousands of files is one statement, not thousands.
        outcomes = [
            {"file_sequence": sequence, "status": outcome.status, "loaded_batch": outcome.loaded_batch}
            for sequence, outcome in self._outcomes.items()
            if sequence in self._changed
        ]
        columns = {"file_sequence": "bigint", "status": "varchar", "loaded_batch": "integer"}
        with tables.given(self._connection, "outcomes", outcomes, columns):
            self._connection.execute(
                """
                update raw_landing.files
                set status = outcomes.status, loaded_batch = outcomes.loaded_batch
                from outcomes
                where files.file_sequence = outcomes.file_sequence
                """
            )

    def _enter_fact(self, fact: RegisteredFile) -> None:
        file_sequence = self._zone.file(fact.path, fact.sha256).file_sequence
        outcome = self._outcomes[file_sequence]
        if fact.status != RETURNED:
            self._mark(file_sequence, fact.status)
        elif outcome.status in FACTS:
            # What it was before it vanished can be told from what it left.
            if outcome.loaded_batch is not None:
                outcome.status = LOADED
            else:
                outcome.status = SET_ASIDE if file_sequence in self._file_faults() else DUPLICATE
            self._changed.add(file_sequence)

    def _retried(self) -> list[RegisteredFile]:
        """Files set aside in earlier batches that this batch may mend: a new manifest, or content that came back.

        What they left behind is taken out: they are read as if for the first time.
        """
        returned = {(entry.path, entry.sha256) for entry in self._entries if entry.status == RETURNED}
        faults = self._file_faults()
        retried = []
        for sequence, outcome in self._outcomes.items():
            entry = self._zone.entry(sequence)
            if entry.batch == self._batch or outcome.loaded_batch is not None or entry.status == DAMAGED:
                continue
            fault = faults.get(sequence)
            if (entry.path, entry.sha256) in returned and fault:
                retried.append(entry)
            elif outcome.status == SET_ASIDE:
                manifest = self._zone.manifest_entry(entry.path, self._batch)
                if manifest and manifest.batch == self._batch and fault and fault[0] == "manifest":
                    retried.append(entry)
        for entry in retried:
            for table in ("raw_landing.quarantine", "raw_landing.conservation", "raw_metering.file_accounts"):
                self._connection.execute(f"delete from {table} where file_sequence = ?", [entry.file_sequence])
        return sorted(retried, key=lambda entry: entry.file_sequence)

    def _sound(self, entries: Iterable[RegisteredFile]) -> Iterator[LandedFile]:
        """The files whose rows are to be read; every other is booked here as a copy or set aside."""
        metered: dict[str, int] = {}
        for entry in entries:
            path = self._zone.locate(entry)
            if path is None:
                self._set_aside(entry, Fault("container", "the file is not in the landing zone any more"))
            elif entry.status == DAMAGED:
                readable = self._readable_rows(entry)
                self._set_aside(entry, self._zone.container_fault(entry, path), readable)
            elif kinds.kind_of(entry.path).is_known_by_content and (entry.source, entry.sha256) in self._loaded_content:
                self._copies[entry.file_sequence] = self._loaded_content[entry.source, entry.sha256]
            elif entry.sha256 in metered and entry.file_sequence not in self._reread:
                self._waiting[entry.file_sequence] = metered[entry.sha256]
            else:
                if entry.source == kinds.USAGE.source:
                    metered.setdefault(entry.sha256, entry.file_sequence)
                yield self._zone.landed(entry, path, self._batch)

    # -- rows --------------------------------------------------------------------------------------------------

    def _load(self, file: LandedFile) -> None:
        """Read a file, hold it against its manifest, and take its rows in or set it aside whole."""
        entry = self._zone.entry(file.file_sequence)
        read = self._read_feed if file.source == kinds.FEEDS.source else self._read_rows
        try:
            totals, write = read(file)
        except FileFault as error:
            self._set_aside(entry, Fault("container", str(error)), self._readable_rows(entry))
            return
        except (Unreadable, OSError, EOFError, UnicodeDecodeError):
            # It was sound when it was registered a moment ago.
            self._set_aside(entry, Fault("container", "the file changed while it was read"))
            return
        disagreement = manifests.disagreement(file.manifest, totals) if file.manifest else None
        if disagreement:
            self._set_aside(entry, Fault("manifest", disagreement), totals.records)
        else:
            self._account(entry, write())
            self._mark(file.file_sequence, LOADED)
        if file.manifest:
            self._judged[file.manifest.file_sequence] = (file.file_sequence, disagreement)

    def _read_rows(self, file: LandedFile) -> _Read:
        with open_text(file.absolute, compressed=kinds.opens_compressed(file.path)) as stream:
            parsed = list(READERS[file.source](stream, file.path))
        if not parsed and file.source == kinds.CONTRACTS.source:
            raise FileFault("the file is empty")
        unparseable = sum(isinstance(item, Fault) for _, item in parsed)
        records = sum(is_row(item) for _, item in parsed)
        return FileTotals(records=records, unparseable=unparseable), lambda: self._rows.write(file, parsed)

    def _load_feeds(self, files: Iterable[LandedFile]) -> None:
        """Load month files, the next ones parsed while one is written: to parse is more than half of the work."""
        parser = marketplace.Parser()
        with ThreadPoolExecutor(_PARSED_AHEAD) as ahead, closing(parser), tables.one_thread(self._connection):
            waiting: deque[LandedFile] = deque()
            for file in files:
                self._parsed[file.file_sequence] = ahead.submit(parser.parse, file)
                waiting.append(file)
                if len(waiting) > _PARSED_AHEAD:
                    self._load(waiting.popleft())
            for file in waiting:
                self._load(file)

    def _read_feed(self, file: LandedFile) -> _Read:
        month = marketplace.read(self._connection, file, self._parsed.pop(file.file_sequence).result())

        def write() -> Account:
            for fault in month.faults:
                self._quarantine(self._zone.entry(file.file_sequence), fault)
            return month.write(self._as_of)

        return FileTotals(records=month.records, unparseable=len(month.faults)), write

    def _load_usage(self, files: Sequence[LandedFile], meter: Meter) -> None:
        self._buffer.flush()
        # Also without files: contracts of this batch may ask for more than the roll-ups keep.
        meter(self._connection, files, self._batch, self._as_of)
        accounted = {
            row[0]
            for row in self._connection.execute(
                "select file_sequence from raw_landing.conservation where source = ?", [kinds.USAGE.source]
            ).fetchall()
        }
        faults = self._file_faults()
        for file in files:
            if file.file_sequence not in accounted:
                raise RuntimeError(f"metering left no account of {file.path}: its rows would be lost unseen")
            fault = faults.get(file.file_sequence)
            if fault:
                self._set_aside_keep(self._zone.entry(file.file_sequence))
            else:
                self._mark(file.file_sequence, LOADED)
            if file.manifest and (fault is None or fault[0] == "manifest"):
                self._judged[file.manifest.file_sequence] = (file.file_sequence, fault[1] if fault else None)

    def _book_copies(self) -> set[int]:
        """Book copies of loaded files; returns those whose original was set aside in this batch."""
        loaded = {
            copy: original for copy, original in self._waiting.items() if self._outcomes[original].status == LOADED
        }
        self._copies |= loaded
        for copy in self._copies:
            self._mark(copy, DUPLICATE)
        # A copy brought nothing: all of its rows are duplicates.
        self._buffer.flush()
        copies = [
            {"copy_sequence": copy, "original_sequence": original, "copy_path": self._zone.entry(copy).path}
            for copy, original in self._copies.items()
        ]
        columns = {"copy_sequence": "bigint", "original_sequence": "bigint", "copy_path": "varchar"}
        with tables.given(self._connection, "copies", copies, columns):
            self._connection.execute(
                """
                insert into raw_landing.conservation by name
                select copy_sequence as file_sequence, copy_path as path, sha256, source, received, 0 as accepted,
                    received as duplicate, 0 as conflict, 0 as quarantined, units_received, '{}' as units_accepted,
                    units_received as units_duplicate, '{}' as units_conflict, '{}' as units_quarantined
                from raw_landing.conservation
                inner join copies on conservation.file_sequence = copies.original_sequence
                order by copy_sequence
                """
            )
            self._connection.execute(
                """
                insert into raw_metering.file_accounts by name
                select copy_sequence as file_sequence, account_id, meter, event_month, 0 as accepted,
                    accepted + duplicate + conflict + quarantined as duplicate, 0 as conflict, 0 as quarantined,
                    0 as quantity_accepted
                from raw_metering.file_accounts
                inner join copies on file_accounts.file_sequence = copies.original_sequence
                order by copy_sequence
                """
            )
        return set(self._waiting) - set(loaded)

    def _account(self, entry: RegisteredFile, account: Account) -> None:
        self._buffer.add(
            "raw_landing.conservation",
            [
                {
                    "file_sequence": entry.file_sequence,
                    "path": entry.path,
                    "sha256": entry.sha256,
                    "source": entry.source,
                    "received": account.received,
                    "accepted": account.accepted,
                    "duplicate": account.duplicate,
                    "conflict": account.conflict,
                    "quarantined": account.quarantined,
                    # Rows of these sources carry no metered units.
                    **dict.fromkeys(_UNITS, "{}"),
                }
            ],
        )

    # -- setting aside -----------------------------------------------------------------------------------------

    def _set_aside(self, entry: RegisteredFile, fault: Fault, readable: int = 0) -> None:
        self._quarantine(entry, fault)
        self._account(entry, Account(quarantined=readable))
        self._set_aside_keep(entry)

    def _set_aside_keep(self, entry: RegisteredFile) -> None:
        """Mark a file as set aside and keep its bytes: the good file may land under the same name."""
        self._mark(entry.file_sequence, SET_ASIDE)
        path = self._zone.locate(entry)
        if path is not None and entry.source in kinds.READ_SOURCES:
            self._zone.evidence.keep(path, entry.sha256)

    def _quarantine(self, entry: RegisteredFile, fault: Fault) -> None:
        row = QuarantinedRow(entry.file_sequence, entry.path, entry.sha256, entry.source, fault)
        self._buffer.add(quarantine.TABLE, [row.as_row()])

    def _file_faults(self) -> dict[int, tuple[str, str]]:
        """Code and reason of every file that stands in quarantine as a whole."""
        rows = self._connection.execute(
            "select file_sequence, code, reason from raw_landing.quarantine where line is null"
        ).fetchall()
        return {sequence: (code, reason) for sequence, code, reason in rows}

    def _readable_rows(self, entry: RegisteredFile) -> int:
        path = self._zone.locate(entry)
        kind = kinds.kind_of(entry.path)
        if path is None or not kind.is_text or entry.source == kinds.CONTRACTS.source:
            return 0  # a Parquet file or a document over many lines is readable as a whole or not at all
        has_header = entry.path.lower().removesuffix(".gz").endswith(".csv")
        if entry.source == kinds.BANK.source and not has_header:
            return 0  # a statement is whole or says nothing
        lines = readable_lines(path, compressed=kinds.opens_compressed(entry.path))
        return max(0, lines - has_header)

    # -- manifests ---------------------------------------------------------------------------------------------

    def _load_manifests(self, entries: Sequence[RegisteredFile]) -> None:
        for entry in entries:
            manifest = self._zone.read_manifest(entry)
            self._mark(entry.file_sequence, SET_ASIDE if manifest.fault else LOADED)
            if manifest.fault:
                self._quarantine(entry, Fault("manifest", manifest.fault))
            self._buffer.add(
                "raw_landing.manifests",
                [
                    {
                        "file_sequence": entry.file_sequence,
                        "data_path": manifests.data_path(entry.path),
                        "records": manifest.records,
                        "quantity": manifest.quantity,
                        "min_time": manifest.min_time and manifest.min_time.replace(tzinfo=None),
                        "max_time": manifest.max_time and manifest.max_time.replace(tzinfo=None),
                        "sha256": manifest.sha256,
                        "producer": manifest.producer,
                        "producer_sequence": manifest.sequence,
                    }
                ],
            )

    def _judge_late_manifests(self) -> None:
        """Compare manifests of this batch with files accepted before: rows stay, the disagreement is on record.

        Records, quantity and hash are compared with what is kept of the file; its times are not kept.
        """
        for entry in self._entries:
            data_path = manifests.data_path(entry.path)
            if entry.file_sequence in self._judged or entry.source != kinds.MANIFEST.source or not data_path:
                continue
            data = self._zone.newest_at(data_path, self._batch)
            if data is None or self._outcomes[data.file_sequence].status not in (LOADED, DUPLICATE):
                continue
            row = self._connection.execute(
                "select received, quarantined, units_received from raw_landing.conservation where file_sequence = ?",
                [data.file_sequence],
            ).fetchone()
            if row is None:
                continue
            manifest = manifests.beside(self._zone.read_manifest(entry), data.landed_sha256)
            totals = FileTotals(records=row[0], quantity=_units(data, row[2]), unparseable=row[1])
            disagreement = manifests.disagreement(manifest, totals)
            self._judged[entry.file_sequence] = (data.file_sequence, disagreement)

    def _write_judgements(self) -> None:
        judged = [
            {"file_sequence": manifest, "data_file_sequence": data, "disagreement": disagreement}
            for manifest, (data, disagreement) in self._judged.items()
        ]
        columns = {"file_sequence": "bigint", "data_file_sequence": "bigint", "disagreement": "varchar"}
        with tables.given(self._connection, "judged", judged, columns):
            self._connection.execute(
                """
                update raw_landing.manifests
                set data_file_sequence = judged.data_file_sequence, disagreement = judged.disagreement,
                    agrees = judged.disagreement is null
                from judged
                where manifests.file_sequence = judged.file_sequence
                """
            )


def _units(data: RegisteredFile, units_received: str | None) -> Decimal | None:
    """The quantity of a usage file over all of its meters."""
    if data.source != kinds.USAGE.source:
        return None
    return sum((Decimal(units) for units in json.loads(units_received or "{}").values()), Decimal(0))
