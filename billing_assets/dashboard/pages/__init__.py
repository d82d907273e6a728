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
    decisions,
    exceptions,
    invoices,
    kpis,
    marketplace,
    periods,
    plausibility,
    publications,
    readiness,
    reconciliations,
)

# Groups of pages by who works with them; of each label, address, and the beginnings of addresses that belong to it.
NAVIGATION: tuple[tuple[str, tuple[tuple[str, str, tuple[str, ...]], ...]], ...] = (
    (
        "Close",
        (
            ("Readiness", "/", ("/readiness",)),
            ("Periods", "/periods", ("/periods",)),
            ("Decisions", "/decisions", ("/decisions",)),
            ("Exceptions", "/exceptions", ("/exceptions",)),
        ),
    ),
    (
        "Billing",
        (
            ("Invoices", "/invoices", ("/invoices",)),
            ("Publications", "/publications", ("/publications",)),
            ("Unbilled and ageing", "/ageing", ("/ageing",)),
        ),
    ),
    (
        "Cash",
        (
            ("Marketplace", "/marketplace", ("/marketplace",)),
            ("Bank", "/bank", ("/bank",)),
            ("Reconciliations", "/reconciliations", ("/reconciliations",)),
        ),
    ),
    (
        "Checks",
        (
            ("Controls", "/controls", ("/controls",)),
            ("Plausibility", "/plausibility", ("/plausibility",)),
            ("Conservation", "/conservation", ("/conservation",)),
            ("KPIs", "/kpis", ("/kpis",)),
        ),
    ),
)

PAGES: tuple[tuple[str, Handler], ...] = (
    ("/", readiness.overview),
    ("/readiness/{gate_id}", readiness.gate),
    ("/periods", periods.overview),
    ("/periods/{selling_entity}/{period}", periods.month),
    ("/decisions", decisions.overview),
    ("/decisions/{decision_no}", decisions.decision),
    ("/publications", publications.overview),
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
