"""Every page of the dashboard, with a key that the small snapshot holds where a page needs one."""

from __future__ import annotations

from tests.dashboard.world import FILE, HELD, ISSUED, MEMO, REJECTED, WAIVED

OVERVIEWS = (
    "/", "/periods", "/decisions", "/publications", "/marketplace", "/marketplace/payouts", "/bank", "/invoices",
    "/exceptions", "/ageing", "/controls", "/plausibility", "/conservation", "/reconciliations", "/kpis",
)  # fmt: skip
DETAILS = (
    "/readiness/G01?period=2026-03&entity=US01&channel=direct",
    "/readiness/G05",
    "/readiness/G10",
    "/readiness/G18",
    "/periods/US01/2026-01",
    "/periods/US01/2026-02",
    "/periods/US01/2026-03",
    *(f"/decisions/{number}" for number in range(1, 10)),
    "/marketplace/agreements/agmt-1",
    "/marketplace/payouts/pay-1",
    "/bank/bank-1",
    f"/invoices/{ISSUED}",
    f"/invoices/{ISSUED}?line=1",
    f"/invoices/{HELD}",
    "/invoices/US01-INV-000001",
    f"/invoices/{MEMO}",
    f"/invoices/{REJECTED}",
    f"/exceptions/{WAIVED}",
    *(f"/exceptions/aaaaaaaaaaaaaaa{i}" for i in range(1, 8)),
    "/controls/USG-02",
    f"/conservation/files/{FILE}",
    "/kpis/automation_rate",
)
PAGES = OVERVIEWS + DETAILS
