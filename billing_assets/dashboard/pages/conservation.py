"""Conservation: what every file brought in equals what was accepted, repeated and set aside; and what was set aside."""

from __future__ import annotations

from billing_assets.dashboard.ask import Ask, Page, UnknownKey
from billing_assets.dashboard.pages import evidence, links
from billing_assets.dashboard.tables import Choice, Column, Table, only

NEEDS = ("raw_landing.conservation", "raw_landing.files")
_COUNTS = ("received", "accepted", "duplicate", "conflict", "quarantined")
_TIES = "case when received = accepted + duplicate + conflict + quarantined then 'ties' else 'differs' end as verdict"


def _counts() -> tuple[Column, ...]:
    labels = ("Received", "Accepted", "Duplicate", "Conflict", "Quarantined")
    return tuple(Column(name, label, "number") for name, label in zip(_COUNTS, labels, strict=True))


def overview(ask: Ask) -> Page:
    """Sources, files and quarantined rows."""
    sums = ", ".join(f"sum({name})::bigint as {name}" for name in _COUNTS)
    sources = Table(
        name="sources",
        title="Received = accepted + duplicate + conflict + quarantined",
        needs=NEEDS,
        query=f"select *, {_TIES} from (select source, count(*) as files, {sums} from raw_landing.conservation "
        "group by source)",
        columns=(
            Column("source", "Source", "id"),
            Column("files", "Files", "number"),
            *_counts(),
            Column("verdict", "Verdict", "status"),
        ),
        order="source",
        empty="Nothing has landed.",
    )
    files = Table(
        name="files",
        title="Files",
        needs=NEEDS,
        query=f"select counts.*, files.status, files.first_seen, {_TIES}, "
        "quarantined + conflict > 0 as sets_aside from raw_landing.conservation as counts "
        "left join raw_landing.files as files using (file_sequence)",
        columns=(
            Column("path", "File", "id", links.file),
            Column("source", "Source", "id"),
            Column("status", "Status", "status"),
            Column("first_seen", "Landed", "day"),
            *_counts(),
            Column("verdict", "Verdict", "status"),
            Column("units_accepted", "Units accepted", "hidden"),
            Column("sha256", "SHA-256", "hidden"),
        ),
        order="verdict, quarantined + conflict desc, path",
        choices=(
            Choice("source", "Source", "source"),
            Choice("status", "Status", "status"),
            Choice("verdict", "Verdict", "verdict"),
            Choice("aside", "Rows set aside", "sets_aside"),
        ),
        search=("path", "sha256"),
        empty="No file matches these filters.",
    )
    rows = only(
        evidence.quarantine([]),
        title="Quarantine",
        query="select * from raw_landing.quarantine",
        values={},
        choices=(Choice("code", "Code", "code"), Choice("of", "Source", "source")),
        page_size=25,
        empty="The quarantine is empty: every row kept its format.",
    )
    return Page("plain.html", "Conservation and quarantine", tables=(sources, files, rows), has_scope=False)


def file(ask: Ask) -> Page:
    """One landed file: its counts, the accounts it brought rows for, and its rows set aside."""
    path = ask.parts["path"]
    rows = ask.snapshot.rows_of(
        NEEDS,
        f"select *, {_TIES} from (select files.*, counts.* exclude (file_sequence, path, sha256, source) "
        "from raw_landing.files as files left join raw_landing.conservation as counts using (file_sequence)) "
        "where path = $path order by file_sequence",
        {"path": path},
    )
    if not rows:
        raise UnknownKey(f"No file {path} has landed.")
    accounts = Table(
        name="accounts",
        title="Accounts it brought rows for",
        needs=("raw_metering.file_accounts", "raw_landing.files"),
        query="select counts.* from raw_metering.file_accounts as counts "
        "inner join raw_landing.files as files using (file_sequence) where files.path = $path",
        values={"path": path},
        columns=(
            Column("account_id", "Landed account", "id"),
            Column("meter", "Meter", "id"),
            Column("event_month", "Month", "id"),
            *(column for column in _counts() if column.name != "received"),
            Column("quantity_accepted", "Quantity accepted", "number"),
        ),
        order="account_id, meter, event_month",
        empty="This file holds no usage, or none of it was accepted.",
    )
    return Page(
        "file.html",
        path.rsplit("/", 1)[-1],
        crumbs=(("Conservation", "/conservation"),),
        tables=(accounts, evidence.quarantine([path])),
        facts={"files": rows},
        has_scope=False,
    )
