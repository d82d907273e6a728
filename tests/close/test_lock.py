"""A lock stands on one finished run and freezes its reports: what is in its way, what is kept, what is read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from billing_assets.access.errors import Forbidden
from billing_assets.access.people import Actor
from billing_assets.close import frozen, pack
from billing_assets.close.lock import Close, NotApproved, NotLockable
from billing_assets.ledger import Ledger, LedgerError, RunIdentity
from billing_assets.settings import Settings
from billing_assets.warehouse import Warehouse
from tests.access.builders import staff
from tests.ledger.builders import AS_OF, Verdict, new_ledger

MONTH = ("US01", "2026-02")
TABLES = """
    create schema raw; create schema marts; create schema reports; create schema intermediate;
    create table raw.run_context (run_identity varchar);
    create table marts.fct_readiness (
        gate_id varchar, gate_name varchar, period varchar, selling_entity varchar, channel varchar, status varchar,
        open_count bigint, open_amount decimal(38, 12), currency varchar);
    insert into marts.fct_readiness values
        ('G01', 'files', '2026-02', 'US01', 'direct', 'ready', 0, null, null),
        ('G03', 'usage rated', '2026-02', 'DE01', 'direct', 'open', 9, 9, 'EUR');
    create table reports.rpt_finance__invoices (document_id varchar, selling_entity varchar, close_period varchar,
        number varchar, total decimal(38, 12));
    insert into reports.rpt_finance__invoices values
        ('C-2', 'US01', '2026-02', '=2+2', 20.5), ('C-1', 'US01', '2026-02', 'n1', 10),
        ('C-0', 'US01', '2026-01', 'n0', 3),
        ('C-3', 'US01', '2026-03', 'n3', 30), ('D-1', 'DE01', '2026-02', 'n4', 40);
    create table reports.rpt_finance__invoice_lines as
        select document_id, 1 as line_no from reports.rpt_finance__invoices;
    create table reports.rpt_finance__publications as select 'file' as target, document_id from
        reports.rpt_finance__invoices;
    create table intermediate.int_credit_balances__rolled (contract_id varchar, grant_id varchar, period varchar,
        selling_entity varchar);
    insert into intermediate.int_credit_balances__rolled values
        ('C', 'g', '2026-02', 'US01'), ('D', 'g', '2026-02', 'DE01');
    create table reports.rpt_finance__credit_balances as
        select contract_id, grant_id, period from intermediate.int_credit_balances__rolled;
    create table reports.rpt_management__kpis (kpi_id varchar, period varchar, scope varchar);
    insert into reports.rpt_management__kpis values ('k', '2026-02', 'US01/direct'), ('k', '2026-02', 'US011/direct');
    create table reports.rpt_audit__control_results (control_id varchar, period varchar, selling_entity varchar,
        channel varchar, population_amount decimal(38, 12), currency varchar, status varchar);
    insert into reports.rpt_audit__control_results values
        ('INV-01', '2026-02', 'US01', 'direct', -12.5, 'USD', 'pass'),
        ('INV-01', '2026-03', 'US01', 'direct', 1, null, 'fail');
    create table reports.rpt_finance__receivable_rollforward (kind varchar, period varchar, selling_entity varchar,
        currency varchar, agreement_id varchar, opening decimal(38, 12), closing decimal(38, 12));
    insert into reports.rpt_finance__receivable_rollforward values
        ('ar', '2026-02', 'US01', 'USD', null, 0, 30.5), ('marketplace', '2026-02', 'US01', 'USD', '', 0, 1);
"""
OTHERS = (
    "rpt_operations__exceptions", "rpt_audit__gate", "rpt_close__reconciliation", "rpt_finance__marketplace_lines",
)  # fmt: skip


@dataclass
class Office:
    """A close over a hand-made warehouse, and the people at it."""

    close: Close
    people: dict[str, Actor]
    verdicts: list[Verdict]

    def soft_close(self) -> None:
        self.close.soft_close(self.people["controller.one"], *MONTH, "month end")
        self.rerun()

    def rerun(self) -> None:
        """What `billing run` leaves: the run finished and in the warehouse, of everything as it stands now."""
        ledger = self.close.ledger
        identity = RunIdentity(ledger.register_sequence(), ledger.decision_sequence(), AS_OF, "c0de")
        ledger.start_run(identity)
        ledger.finish_run(identity)
        object.__setattr__(self.close, "identity", identity)
        with self.close.warehouse.writer() as connection:
            connection.execute("delete from raw.run_context")
            connection.execute("insert into raw.run_context values (?)", [identity.text])

    def sql(self, statement: str) -> None:
        with self.close.warehouse.writer() as connection:
            connection.execute(statement)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    settings = Settings(landing=tmp_path, home=tmp_path, as_of=AS_OF)
    warehouse = Warehouse(settings.warehouse_path)
    with warehouse.writer() as connection:
        connection.execute(TABLES)
        for table in OTHERS:
            connection.execute(f'create table reports."{table}" (selling_entity varchar, period varchar)')
    verdicts = [Verdict(level="period", key="2026-02/US01", period="2026-02", channel=None)]
    monkeypatch.setattr("billing_assets.close.lock.ask", lambda *_: verdicts)
    with new_ledger(tmp_path) as ledger:
        roles: dict[str, str | tuple[str, ...]] = {"controller.one": "controller", "biller.one": "biller"}
        people = staff(ledger, roles, AS_OF)
        made = Office(Close(settings, warehouse, ledger, RunIdentity(0, 0, AS_OF, "c0de")), people, verdicts)
        made.rerun()
        yield made


def lock(office: Office) -> None:
    office.close.lock(office.people["controller.one"], *MONTH, "reviewed")


def refusal(office: Office) -> str:
    before = office.close.ledger.sequence()
    with pytest.raises(NotLockable) as refused:
        lock(office)
    assert office.close.ledger.sequence() == before, "nobody is on record for what was refused"
    assert not office.close.settings.evidence_path.exists()
    return str(refused.value)


def test_an_illegal_step_leaves_nobody_on_record(office: Office) -> None:
    before = office.close.ledger.sequence()
    with pytest.raises(LedgerError, match="next is billing period soft-close"):
        lock(office)
    assert office.close.ledger.sequence() == before


def test_only_who_has_the_duty_closes_a_month(office: Office) -> None:
    with pytest.raises(Forbidden):
        office.close.soft_close(office.people["biller.one"], *MONTH, "month end")
    assert office.close.ledger.period_states() == {}


def test_a_decision_since_the_run_makes_it_stale(office: Office) -> None:
    office.close.soft_close(office.people["controller.one"], *MONTH, "month end")
    object.__setattr__(office.close, "identity", RunIdentity(0, office.close.ledger.decision_sequence(), AS_OF, "c0de"))
    assert "billing run" in refusal(office)


def test_a_warehouse_of_another_run_is_refused(office: Office) -> None:
    office.soft_close()
    office.sql("update raw.run_context set run_identity = 'another'")
    assert "the warehouse holds another run" in refusal(office)


def test_all_that_is_in_the_way_is_said_with_counts_and_money(office: Office) -> None:
    office.soft_close()
    office.verdicts[0] = Verdict(
        level="period", key="2026-02/US01", period="2026-02", channel=None, verdict="closed", reasons=("HOLD", "INV-02")
    )
    office.sql("insert into marts.fct_readiness values "
               "('G05', 'documents out', '2026-02', 'US01', 'direct', 'open', 2, 1250.5, 'USD')")  # fmt: skip
    said = refusal(office)
    assert "gate: closed by HOLD, INV-02" in said
    assert "G05 documents out (direct) open: 2 open, 1,250.50 USD" in said
    assert "EUR" not in said, "another entity's gate is not in the way"


def test_a_month_that_nobody_judged_is_refused(office: Office) -> None:
    office.soft_close()
    office.verdicts.clear()
    assert "nobody judged 2026-02 of US01" in refusal(office)


def test_a_broken_chain_is_refused(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.soft_close()
    monkeypatch.setattr(Ledger, "verify", lambda _: ["issued_documents C-1: altered", "entry 3: altered"])
    assert "chain: issued_documents C-1: altered\n  and 1 more faults" in refusal(office)


def test_the_pack_holds_the_rows_of_the_entity_up_to_the_month_in_one_order(office: Office) -> None:
    with office.close.warehouse.reader() as connection:
        first = {report.name: report for report in pack.cut(connection, "US01", "", "2026-02")}
        later = {report.name: report for report in pack.cut(connection, "US01", "2026-01", "2026-02")}
    # January was never locked: it is shut with February, and what it shows is kept with it
    assert first["invoices"].content.decode().splitlines() == [
        "document_id,selling_entity,close_period,number,total",
        "C-0,US01,2026-01,n0,3.00",
        "C-1,US01,2026-02,n1,10.00",
        "C-2,US01,2026-02,'=2+2,20.50",
    ]
    assert later["invoices"].rows == 2
    assert (first["invoice_lines"].rows, later["publications"].rows) == (3, 2)
    assert (first["credit_balances"].rows, first["kpis"].rows, first["gate"].rows) == (1, 1, 0)


def test_a_lock_keeps_the_reports_and_the_models_read_them_back(office: Office) -> None:
    office.soft_close()
    lock(office)
    close = office.close
    folder = frozen.folder_of(close.settings, *MONTH, 1)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {report["name"] for report in manifest["reports"]} == {name.split("__", 1)[1] for name in pack.ROWS}
    assert manifest["locked_by"] == "user:controller.one"
    with close.warehouse.writer() as connection:
        assert frozen.read_back(close.settings, close.ledger, connection) == 1
        results = connection.execute(
            "select control_id, population_amount, currency, status from raw_close.control_results"
        ).fetchall()
        keys = connection.execute(
            "select kind, agreement_id, closing from raw_close.receivable_rollforward order by kind"
        ).fetchall()
    assert results == [("INV-01", "-12.50", "USD", "pass")]
    assert keys == [("ar", None, "30.50"), ("marketplace", "", "1.00")], "nothing and an empty text stay apart"
    assert close.ledger.verify() == []


def test_the_copy_is_made_again_byte_for_byte(office: Office) -> None:
    office.soft_close()
    lock(office)
    close = office.close
    folder = frozen.folder_of(close.settings, *MONTH, 1)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.iterdir():
        path.unlink()
    assert any("has no manifest.json" in fault for fault in frozen.verify(close.settings, close.ledger))
    assert frozen.copy_out(close.settings, close.ledger) == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert frozen.verify(close.settings, close.ledger) == []
    (folder / "kpis.csv").write_bytes(b"better")
    (folder / "more.csv").write_bytes(b"")
    assert frozen.copy_out(close.settings, close.ledger) == 0, "what is there is for verify to judge"
    assert [fault.split(": ", 1)[1] for fault in frozen.verify(close.settings, close.ledger, *MONTH)] == [
        "the copy of kpis.csv is not what was locked",
        "more.csv was not locked",
    ]
    assert frozen.verify(close.settings, close.ledger, "DE01") == []


def test_reopening_without_a_request_is_refused(office: Office) -> None:
    office.soft_close()
    lock(office)
    with pytest.raises(NotApproved, match="two approvals by others"):
        office.close.reopen(office.people["controller.one"], *MONTH, "an invoice was left out")
    assert office.close.ledger.period_states()[MONTH].as_of == date(2026, 4, 3)
