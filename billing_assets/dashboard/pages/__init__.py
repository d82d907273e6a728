"""The pages, one module a subject: each function turns what is asked into a page. Addresses stand here.

Belongs here: which figures a page shows, and where they lead. How they are read and written is the other modules'.
"""

from __future__ import annotations

from billing_assets.dashboard.ask import Handler
from billing_assets.dashboard.pages import (
    ageing,
    bank,
    conservation,
    controls,
    exceptions,
    invoices,
    kpis,
    marketplace,
    plausibility,
    readiness,
    reconciliations,
)

# Label, address, and the beginnings of addresses that belong to it.
NAVIGATION: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Readiness", "/", ("/readiness",)),
    ("Marketplace", "/marketplace", ("/marketplace",)),
    ("Bank", "/bank", ("/bank",)),
    ("Invoices", "/invoices", ("/invoices",)),
    ("Exceptions", "/exceptions", ("/exceptions",)),
    ("Unbilled and ageing", "/ageing", ("/ageing",)),
    ("Controls", "/controls", ("/controls",)),
    ("Plausibility", "/plausibility", ("/plausibility",)),
    ("Conservation", "/conservation", ("/conservation",)),
    ("Reconciliations", "/reconciliations", ("/reconciliations",)),
    ("KPIs", "/kpis", ("/kpis",)),
)

PAGES: tuple[tuple[str, Handler], ...] = (
    ("/", readiness.overview),
    ("/readiness/{gate_id}", readiness.gate),
    ("/marketplace", marketplace.overview),
    ("/marketplace/agreements/{agreement_id:path}", marketplace.agreement),
    ("/marketplace/payouts", marketplace.payouts),
    ("/marketplace/payouts/{payout_id:path}", marketplace.payout),
    ("/bank", bank.overview),
    ("/bank/{entry_id:path}", bank.entry),
    ("/invoices", invoices.overview),
    ("/invoices/{document_id:path}", invoices.invoice),
    ("/exceptions", exceptions.overview),
    ("/exceptions/{exception_id}", exceptions.exception),
    ("/ageing", ageing.overview),
    ("/controls", controls.overview),
    ("/controls/{control_id}", controls.control),
    ("/plausibility", plausibility.overview),
    ("/conservation", conservation.overview),
    ("/conservation/files/{path:path}", conservation.file),
    ("/reconciliations", reconciliations.overview),
    ("/kpis", kpis.overview),
    ("/kpis/{kpi_id}", kpis.kpi),
)
