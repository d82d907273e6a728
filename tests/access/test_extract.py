"""What the warehouse is given of decisions: what counts, as approvals, waivers and holds, and all with their state."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pyarrow as pa

from billing_assets.access import act
from billing_assets.access.decided import Request
from billing_assets.access.extract import SCHEMAS, tables
from billing_assets.access.standing import Standing
from billing_assets.ledger import NewDecision
from tests.access.builders import ask_price, ask_waiver
from tests.access.conftest import Office
from tests.ledger.builders import AS_OF


def extracted(office: Office, *, is_current: bool = True, days: int = 0) -> dict[str, pa.Table]:
    record, day = office.ledger.people(), AS_OF + timedelta(days)

    def current(_: Request) -> bool:
        return is_current

    return tables(Standing.of(record, day), record.decisions, day, current)


def test_an_empty_record_gives_empty_tables_with_types(office: Office) -> None:
    found = extracted(office)
    assert {name: table.schema for name, table in found.items()} == SCHEMAS
    assert {table.num_rows for table in found.values()} == {0}


def test_only_what_counts_is_an_approval(office: Office) -> None:
    ledger = office.ledger
    number = ask_price(ledger, office["clerk.one"])
    assert extracted(office)["approvals"].num_rows == 0
    act.approve(ledger, office["analyst.one"], number, object_hash="price", reason="renewal", as_of=AS_OF)
    assert extracted(office)["approvals"].to_pylist() == [
        {
            "what": "price_override",
            "contract_id": "C-1",
            "charge_id": "tokens",
            "version": 2,
            "actor": "user:analyst.one",
            "recorded_on": AS_OF,
        }
    ]
    assert extracted(office, is_current=False)["approvals"].num_rows == 0
    act.withdraw(ledger, office["clerk.one"], number, reason="not signed", as_of=AS_OF)
    assert extracted(office)["approvals"].num_rows == 0


def test_waivers_holds_and_every_decision_with_its_state(office: Office) -> None:
    ledger = office.ledger
    number = ask_waiver(ledger, office["analyst.one"], "-100")
    act.approve(ledger, office["controller.one"], number, object_hash="rows", reason="seen", as_of=AS_OF)
    act.hold(ledger, office["lead.one"], "document", "C-1/2026-04-01/invoice/0", "dispute", AS_OF)
    ledger.decide(
        lambda _: NewDecision("hold", "document", {"level": "document", "key": "C-2"}, "user:auditor.one", "x", AS_OF)
    )
    found = extracted(office)
    [waiver] = found["waivers"].to_pylist()
    assert (waiver["exception_id"], waiver["amount"], waiver["row_hash"]) == ("e1", Decimal(-100), "rows")
    assert found["holds"]["key"].to_pylist() == ["C-1/2026-04-01/invoice/0"]
    assert found["decisions"]["state"].to_pylist() == ["approved", "recorded", "standing", "void"]
    assert extracted(office, days=1)["decisions"]["state"].to_pylist()[0] == "expired"
    assert extracted(office, days=1)["waivers"].num_rows == 0
