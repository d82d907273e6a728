"""The gate: what may be issued, as a pure function of control results, violations, documents, waivers and holds.

    scope     period x selling entity x channel   closed by a completeness break, or by any control that did not run
    document  one draft                           closed by an accuracy break of its own, or by a hold; no other's
    period    a month, and a month of one entity  closed while a scope or document of it is: it cannot be locked

Belongs here: the decision. Reading results and writing verdicts is `evaluate`; acting on them is `publication`.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from billing_assets.controls.catalogue import Blocks

OPEN, CLOSED = "open", "closed"
# Statuses under which a control has run and holds.
HOLDING = frozenset({"pass", "waived"})
NOT_RUN = "not_run"
# The reason given for a hold by a person: holds have no control id.
HOLD_REASON = "HOLD"

Scope = tuple[str, str, str]  # period, selling entity, channel


@dataclass(frozen=True)
class ControlResult:
    """What a control said about a scope: pass, fail, waived or not_run. Several rows (currencies) may exist."""

    control_id: str
    period: str
    selling_entity: str
    channel: str
    status: str


@dataclass(frozen=True)
class Violation:
    """One violation. `holds` False = an exception only. `row_hash` covers its key, amount and rows."""

    exception_id: str
    control_id: str
    period: str
    selling_entity: str
    channel: str
    document_id: str | None
    holds: bool
    amount: Decimal | None
    row_hash: str


@dataclass(frozen=True)
class Document:
    """A due draft or issued document of a scope, with the hash of what would be published."""

    document_id: str
    period: str
    selling_entity: str
    channel: str
    content_hash: str


@dataclass(frozen=True)
class Waiver:
    """An approved exemption of one violation as it stood: another amount or other rows are another violation."""

    exception_id: str
    amount: Decimal | None
    row_hash: str
    expires_on: date
    maker: str
    checker: str

    def covers(self, violation: Violation, as_of: date) -> bool:
        return (
            self.exception_id == violation.exception_id
            and self.amount == violation.amount
            and self.row_hash == violation.row_hash
            and as_of <= self.expires_on
            and self.maker != self.checker
        )


@dataclass(frozen=True)
class Hold:
    """A person's hold of a document (key = its id), a scope (period/entity/channel) or a month (period[/entity])."""

    level: str
    key: str


@dataclass(frozen=True)
class Policy:
    """What the decision is bound to besides the data: the expected controls, thresholds, code and business date."""

    expected: Mapping[str, Blocks]
    as_of: date
    thresholds: Mapping[str, str] = field(default_factory=dict)
    code_hash: str = ""


@dataclass(frozen=True)
class Verdict:
    """Open or closed for one key. Every scope and period has one; a document only when it is closed."""

    level: str
    key: str
    period: str
    selling_entity: str | None
    channel: str | None
    verdict: str
    reasons: tuple[str, ...]
    scope_hash: str


def scope_key(period: str, selling_entity: str, channel: str) -> str:
    return f"{period}/{selling_entity}/{channel}"


def period_key(period: str, selling_entity: str) -> str:
    """Key of the verdict on one entity's month; the verdict on everybody's has the month alone."""
    return f"{period}/{selling_entity}"


def decide(
    results: Iterable[ControlResult],
    violations: Iterable[Violation],
    documents: Iterable[Document],
    waivers: Sequence[Waiver] = (),
    holds: Sequence[Hold] = (),
    *,
    policy: Policy,
) -> list[Verdict]:
    """Verdicts for every scope, month and entity's month that results or documents name, and each closed document.

    Order: periods, scopes, documents, each by key. A control that is expected and silent about a scope closes it.
    """
    statuses: dict[tuple[str, Scope], set[str]] = defaultdict(set)
    for result in results:
        statuses[result.control_id, (result.period, result.selling_entity, result.channel)].add(result.status)
    by_scope: dict[Scope, list[Document]] = defaultdict(list)
    for document in documents:
        by_scope[document.period, document.selling_entity, document.channel].append(document)
    standing: dict[tuple[str, Scope], list[Violation]] = defaultdict(list)
    waived: set[tuple[str, Scope]] = set()
    for violation in violations:
        place = violation.control_id, (violation.period, violation.selling_entity, violation.channel)
        if any(waiver.covers(violation, policy.as_of) for waiver in waivers):
            waived.add(place)
        else:
            standing[place].append(violation)
    held = {(hold.level, hold.key) for hold in holds}

    scopes = sorted({scope for _, scope in statuses} | by_scope.keys())
    of_documents = sorted(_documents_closed(by_scope, standing, policy, held), key=lambda verdict: verdict.key)
    of_scopes = [
        _verdict(
            "scope",
            scope_key(*scope),
            scope,
            _scope_reasons(scope, statuses, standing, waived, policy, held),
            scope_hash(by_scope.get(scope, ()), policy),
        )
        for scope in scopes
    ]
    of_periods = [
        _period_verdict(period, entity, of_scopes, of_documents, by_scope, policy, held)
        for period in sorted({scope[0] for scope in scopes})
        for entity in (None, *sorted({scope[1] for scope in scopes if scope[0] == period}))
    ]
    return [*of_periods, *of_scopes, *of_documents]


def scope_hash(documents: Iterable[Document], policy: Policy) -> str:
    """What a verdict is about: the documents with their content, the expected controls, thresholds and code."""
    payload = {
        "documents": sorted([document.document_id, document.content_hash] for document in documents),
        "expected": {control_id: str(blocks) for control_id, blocks in policy.expected.items()},
        "thresholds": dict(policy.thresholds),
        "code": policy.code_hash,
    }
    return hashlib.sha256(json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _scope_reasons(
    scope: Scope,
    statuses: Mapping[tuple[str, Scope], set[str]],
    standing: Mapping[tuple[str, Scope], list[Violation]],
    waived: set[tuple[str, Scope]],
    policy: Policy,
    held: set[tuple[str, str]],
) -> list[str]:
    reasons = [HOLD_REASON] if ("scope", scope_key(*scope)) in held else []
    for control_id, blocks in policy.expected.items():
        if blocks is Blocks.NONE:
            continue
        place = control_id, scope
        said = statuses.get(place, set())
        # No document of a scope may go out while a control that could hold it has not looked.
        did_not_run = not said or not said <= HOLDING | {"fail"}
        # A failure that shows no rows cannot be waived.
        fails_unseen = "fail" in said and not standing.get(place) and place not in waived
        breaks = any(violation.holds for violation in standing.get(place, ()))
        if did_not_run or (blocks is not Blocks.DOCUMENT and (breaks or fails_unseen)):
            reasons.append(control_id)
    return reasons


def _documents_closed(
    by_scope: Mapping[Scope, list[Document]],
    standing: Mapping[tuple[str, Scope], list[Violation]],
    policy: Policy,
    held: set[tuple[str, str]],
) -> list[Verdict]:
    reasons: dict[str, set[str]] = defaultdict(set)
    for (control_id, _), found in standing.items():
        if policy.expected.get(control_id) is not Blocks.DOCUMENT:
            continue
        for violation in found:
            # The violation may lie in another month than the document that bills it: the document is what is held.
            if violation.holds and violation.document_id is not None:
                reasons[violation.document_id].add(control_id)
    for level, key in held:
        if level == "document":
            reasons[key].add(HOLD_REASON)
    return [
        _verdict("document", document.document_id, scope, reasons[document.document_id], scope_hash([document], policy))
        for scope, documents in by_scope.items()
        for document in documents
        if document.document_id in reasons
    ]


def _period_verdict(
    period: str,
    selling_entity: str | None,
    scopes: Iterable[Verdict],
    documents: Iterable[Verdict],
    by_scope: Mapping[Scope, list[Document]],
    policy: Policy,
    held: set[tuple[str, str]],
) -> Verdict:
    """On a month of one entity, or of all of them (None)."""
    key = period if selling_entity is None else period_key(period, selling_entity)
    reasons = {
        reason
        for verdict in (*scopes, *documents)
        if verdict.period == period and selling_entity in (None, verdict.selling_entity) and verdict.verdict == CLOSED
        for reason in verdict.reasons
    }
    if ("period", key) in held or ("period", period) in held:
        reasons.add(HOLD_REASON)
    whole = [
        document
        for scope, found in by_scope.items()
        if scope[0] == period and selling_entity in (None, scope[1])
        for document in found
    ]
    return Verdict(
        "period", key, period, selling_entity, None, _word(reasons), tuple(sorted(reasons)), scope_hash(whole, policy)
    )


def _verdict(level: str, key: str, scope: Scope, reasons: Iterable[str], digest: str) -> Verdict:
    ordered = tuple(sorted(set(reasons)))
    return Verdict(level, key, *scope, _word(ordered), ordered, digest)


def _word(reasons: Iterable[str]) -> str:
    return CLOSED if tuple(reasons) else OPEN
