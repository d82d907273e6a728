"""Duties, roles and the approval ladder, as plain tables. The words people, forms and the record use for them.

Belongs here: what a role may do and how much it may approve. A decision is judged again each time it is read, by the
tables of its day: so a limit changes by a new dated row, and a role is added rather than narrowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Duty(StrEnum):
    """What a person does to money or to the record of it. Order and meaning as in docs/concepts/people.md."""

    CONTRACT_SETUP = "contract_setup"
    PRICE_CHANGE = "price_change"
    USAGE_AMENDMENT = "usage_amendment"
    OVERRIDE_REQUEST = "override_request"
    OVERRIDE_APPROVE = "override_approve"
    INVOICE_PREPARE = "invoice_prepare"
    INVOICE_RELEASE = "invoice_release"
    CREDIT_REQUEST = "credit_request"
    CREDIT_APPROVE = "credit_approve"
    CASH_APPLY = "cash_apply"
    WRITE_OFF_APPROVE = "write_off_approve"
    MASTER_DATA_CHANGE = "master_data_change"
    RECONCILE_PREPARE = "reconcile_prepare"
    RECONCILE_REVIEW = "reconcile_review"
    PERIOD_LOCK = "period_lock"
    ACCESS_ADMIN = "access_admin"
    CODE_DEPLOY = "code_deploy"
    WAIVER_APPROVE = "waiver_approve"


# Everything that moves an amount, decides on one or lets one out. Reconciling only looks; access and code are apart.
MONEY_DUTIES = frozenset(Duty) - {
    Duty.RECONCILE_PREPARE,
    Duty.RECONCILE_REVIEW,
    Duty.ACCESS_ADMIN,
    Duty.CODE_DEPLOY,
}
# What a service account may never do, whoever owns it: decide, let out, close.
PERSONS_ONLY = frozenset(
    {
        Duty.OVERRIDE_APPROVE,
        Duty.INVOICE_RELEASE,
        Duty.CREDIT_APPROVE,
        Duty.WRITE_OFF_APPROVE,
        Duty.RECONCILE_REVIEW,
        Duty.PERIOD_LOCK,
        Duty.ACCESS_ADMIN,
        Duty.WAIVER_APPROVE,
    }
)

_APPROVALS = frozenset(
    {Duty.OVERRIDE_APPROVE, Duty.CREDIT_APPROVE, Duty.WRITE_OFF_APPROVE, Duty.WAIVER_APPROVE}
)  # fmt: skip

ACCESS_ADMIN = "access_admin"

ROLES: dict[str, frozenset[Duty]] = {
    "contract_admin": frozenset({Duty.CONTRACT_SETUP, Duty.OVERRIDE_REQUEST}),
    "price_admin": frozenset({Duty.PRICE_CHANGE}),
    "usage_admin": frozenset({Duty.USAGE_AMENDMENT}),
    "biller": frozenset({Duty.INVOICE_PREPARE}),
    "releaser": frozenset({Duty.INVOICE_RELEASE}),
    "credit_requester": frozenset({Duty.CREDIT_REQUEST}),
    "analyst": frozenset({Duty.CREDIT_REQUEST, Duty.OVERRIDE_REQUEST}) | _APPROVALS,
    "team_lead": frozenset({Duty.INVOICE_RELEASE}) | _APPROVALS,
    "billing_manager": frozenset({Duty.INVOICE_RELEASE}) | _APPROVALS,
    "controller": frozenset({Duty.INVOICE_RELEASE, Duty.PERIOD_LOCK, Duty.RECONCILE_REVIEW}) | _APPROVALS,
    "cfo": frozenset({Duty.INVOICE_RELEASE, Duty.PERIOD_LOCK}) | _APPROVALS,
    "cash_applier": frozenset({Duty.CASH_APPLY}),
    "master_data_admin": frozenset({Duty.MASTER_DATA_CHANGE}),
    "reconciler": frozenset({Duty.RECONCILE_PREPARE}),
    "reviewer": frozenset({Duty.RECONCILE_REVIEW}),
    ACCESS_ADMIN: frozenset({Duty.ACCESS_ADMIN}),
    "engineer": frozenset({Duty.CODE_DEPLOY}),
    "auditor": frozenset(),
}

# Who works in billing may hold a document and ask for a waiver; administrators, engineers and auditors may not.
OPERATING_ROLES = frozenset(role for role, duties in ROLES.items() if duties - {Duty.ACCESS_ADMIN, Duty.CODE_DEPLOY})

# The team that owns a control (control catalogue) -> the roles that work in it: they may not waive their own control.
OWNER_ROLES: dict[str, frozenset[str]] = {
    "billing operations": frozenset({"biller", "releaser", "analyst", "team_lead"}),
    "deal desk": frozenset({"contract_admin", "price_admin"}),
    "usage engineering": frozenset({"usage_admin", "engineer"}),
    "data engineering": frozenset({"engineer"}),
    "platform engineering": frozenset({"engineer"}),
    "provisioning operations": frozenset({"usage_admin", "contract_admin"}),
    "revenue accounting": frozenset({"cash_applier", "reconciler", "reviewer"}),
    "tax": frozenset({"master_data_admin"}),
}

# -- the ladder ---------------------------------------------------------------------------------------------------

# From the lowest to the highest: whoever stands higher may do what stands lower.
RANKS = ("analyst", "team_lead", "billing_manager", "controller", "cfo")


@dataclass(frozen=True)
class Step:
    """Up to this exposure in US dollars (inclusive; None = without end), one approval for each role named."""

    up_to: Decimal | None
    roles: tuple[str, ...]


# first day -> steps, the newest last. Cumulative exposure decides, never the single amount.
LADDERS: dict[date, tuple[Step, ...]] = {
    date.min: (
        Step(Decimal(500), ("analyst",)),
        Step(Decimal(5_000), ("team_lead",)),
        Step(Decimal(25_000), ("billing_manager",)),
        Step(Decimal(100_000), ("controller",)),
        Step(None, ("controller", "cfo")),
    )
}
# A customer's exposure is what was asked for in so many days: splitting an amount over a month does not help.
EXPOSURE_DAYS = 30

# Nothing that lets a rule rest may rest longer: a quarter, after which somebody looks again.
LONGEST_EXCEPTION_DAYS = 90
# A token is renewed each quarter; a lost one is worth something for that long at most.
TOKEN_DAYS = 90
# People decide on the business date of the last run or on one of the days after it. Beyond a week nothing has run,
# and a date chosen freely would step out of the window of days by which exposure is counted.
DAYS_AHEAD = 7
