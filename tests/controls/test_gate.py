"""The gate as a table of cases and as properties. One scope, one control per level, is a world small enough to read."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.controls.catalogue import Blocks
from billing_assets.controls.gate import (
    HOLD_REASON,
    ControlResult,
    Document,
    Hold,
    Policy,
    Verdict,
    Violation,
    Waiver,
    decide,
    scope_hash,
)

PERIOD, ENTITY, CHANNEL = "2026-03", "US01", "direct"
SCOPE = (PERIOD, ENTITY, CHANNEL)
POLICY = Policy(
    expected={"S": Blocks.SCOPE, "D": Blocks.DOCUMENT, "P": Blocks.PERIOD, "W": Blocks.NONE},
    as_of=date(2026, 4, 6),
    thresholds={"quarantine_share": "0.001"},
    code_hash="code",
)
PASSING = [ControlResult(control_id, *SCOPE, "pass") for control_id in POLICY.expected]
A, B = Document("A", *SCOPE, "hash-a"), Document("B", *SCOPE, "hash-b")
NEXT = Document("N", "2026-04", ENTITY, CHANNEL, "hash-n")


def results(**statuses: str) -> list[ControlResult]:
    return [replace(result, status=statuses.get(result.control_id, "pass")) for result in PASSING]


def violation(control_id: str, document_id: str | None = None, *, holds: bool = True) -> Violation:
    return Violation(f"x-{control_id}-{document_id}", control_id, *SCOPE, document_id, holds, Decimal("5"), "rows")


def verdicts(found: list[Verdict], level: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {verdict.key: (verdict.verdict, verdict.reasons) for verdict in found if verdict.level == level}


SCOPE_KEY = "2026-03/US01/direct"
PERIOD_KEY = "2026-03/US01"


def test_all_controls_holding_opens_scope_and_period_and_names_no_document() -> None:
    found = decide(PASSING, [], [A, B], policy=POLICY)
    assert verdicts(found, "scope") == {SCOPE_KEY: ("open", ())}
    assert verdicts(found, "period") == {PERIOD: ("open", ()), PERIOD_KEY: ("open", ())}
    assert verdicts(found, "document") == {}


@pytest.mark.parametrize("control_id", ["S", "D", "P"])
@pytest.mark.parametrize("how", ["missing", "not_run", "unheard of"])
def test_a_control_that_did_not_run_closes_the_scope(control_id: str, how: str) -> None:
    said = [result for result in PASSING if result.control_id != control_id]
    if how != "missing":
        said.append(ControlResult(control_id, *SCOPE, how))
    found = decide(said, [], [A], policy=POLICY)
    assert verdicts(found, "scope")[SCOPE_KEY] == ("closed", (control_id,))
    assert verdicts(found, "period") == {PERIOD: ("closed", (control_id,)), PERIOD_KEY: ("closed", (control_id,))}


def test_one_currency_that_did_not_run_closes_although_another_passed() -> None:
    found = decide([*PASSING, ControlResult("S", *SCOPE, "not_run")], [], [A], policy=POLICY)
    assert verdicts(found, "scope")[SCOPE_KEY] == ("closed", ("S",))


@pytest.mark.parametrize("control_id", ["S", "P"])
def test_a_completeness_break_closes_the_scope_and_no_document_by_name(control_id: str) -> None:
    found = decide(results(**{control_id: "fail"}), [violation(control_id)], [A, B], policy=POLICY)
    assert verdicts(found, "scope")[SCOPE_KEY] == ("closed", (control_id,))
    assert verdicts(found, "document") == {}


def test_an_accuracy_break_holds_its_document_and_leaves_the_scope_open() -> None:
    found = decide(results(D="fail"), [violation("D", "A")], [A, B], policy=POLICY)
    assert verdicts(found, "document") == {"A": ("closed", ("D",))}
    assert verdicts(found, "scope")[SCOPE_KEY] == ("open", ())
    assert verdicts(found, "period")[PERIOD] == ("closed", ("D",)), "a month with a held document cannot be locked"


@pytest.mark.parametrize("control_id", ["S", "D", "P"])
def test_a_violation_that_does_not_hold_closes_nothing(control_id: str) -> None:
    found = decide(results(**{control_id: "fail"}), [violation(control_id, "A", holds=False)], [A], policy=POLICY)
    assert verdicts(found, "scope")[SCOPE_KEY] == ("open", ())
    assert verdicts(found, "document") == {}


def test_a_warning_closes_nothing_even_when_it_did_not_run() -> None:
    said = [result for result in PASSING if result.control_id != "W"]
    found = decide(said, [violation("W", "A")], [A], policy=POLICY)
    assert verdicts(found, "scope")[SCOPE_KEY] == ("open", ())
    assert verdicts(found, "document") == {}


def test_a_failure_that_shows_no_rows_closes_the_scope() -> None:
    assert verdicts(decide(results(S="fail"), [], [A], policy=POLICY), "scope")[SCOPE_KEY] == ("closed", ("S",))


def test_a_violation_of_another_month_holds_the_document_that_bills_it() -> None:
    earlier = replace(violation("D", "A"), period="2026-01")
    found = decide(results(), [earlier], [A], policy=POLICY)
    assert verdicts(found, "document") == {"A": ("closed", ("D",))}


def test_closed_months_do_not_close_other_months() -> None:
    april = [replace(result, period="2026-04") for result in PASSING]
    found = decide([*results(S="fail"), *april], [violation("S")], [A, NEXT], policy=POLICY)
    assert verdicts(found, "scope") == {SCOPE_KEY: ("closed", ("S",)), "2026-04/US01/direct": ("open", ())}


def test_an_entity_s_month_is_closed_by_its_own_scopes_and_documents_only() -> None:
    german = [replace(result, selling_entity="DE01") for result in PASSING]
    also = replace(B, selling_entity="DE01")
    held = violation("D", "A")
    for said, found_wrong, reason in ((results(S="fail"), violation("S"), "S"), (results(D="fail"), held, "D")):
        found = decide([*said, *german], [found_wrong], [A, also], policy=POLICY)
        assert verdicts(found, "period") == {
            PERIOD: ("closed", (reason,)),
            "2026-03/DE01": ("open", ()),
            PERIOD_KEY: ("closed", (reason,)),
        }
        entities = {verdict.key: verdict.selling_entity for verdict in found if verdict.level == "period"}
        assert entities == {PERIOD: None, "2026-03/DE01": "DE01", PERIOD_KEY: ENTITY}


def test_an_entity_s_month_is_about_its_own_documents() -> None:
    also = replace(B, selling_entity="DE01")
    german = [replace(result, selling_entity="DE01") for result in PASSING]

    def hashes(*documents: Document) -> dict[str, str]:
        found = decide([*PASSING, *german], [], documents, policy=POLICY)
        return {verdict.key: verdict.scope_hash for verdict in found if verdict.level == "period"}

    before, after = hashes(A, also), hashes(A, replace(also, content_hash="other"))
    assert {key for key in before if before[key] != after[key]} == {PERIOD, "2026-03/DE01"}


@pytest.mark.parametrize(
    ("key", "closed"), [(PERIOD, {PERIOD, PERIOD_KEY, "2026-03/DE01"}), (PERIOD_KEY, {PERIOD_KEY})]
)
def test_a_held_month_cannot_be_locked(key: str, closed: set[str]) -> None:
    german = [replace(result, selling_entity="DE01") for result in PASSING]
    found = decide([*PASSING, *german], [], [A], holds=[Hold("period", key)], policy=POLICY)
    said = verdicts(found, "period")
    assert {month for month, verdict in said.items() if verdict == ("closed", (HOLD_REASON,))} == closed
    assert verdicts(found, "scope")[SCOPE_KEY] == ("open", ()), "documents go on"


WAIVER = Waiver("x-S-None", Decimal("5"), "rows", date(2026, 4, 6), "maker", "checker")


def test_a_waiver_bound_to_the_violation_opens_the_scope() -> None:
    found = decide(results(S="fail"), [violation("S")], [A], [WAIVER], policy=POLICY)
    assert verdicts(found, "scope")[SCOPE_KEY] == ("open", ())


@pytest.mark.parametrize(
    "waiver",
    [
        replace(WAIVER, exception_id="another"),
        replace(WAIVER, amount=Decimal("5.01")),
        replace(WAIVER, amount=None),
        replace(WAIVER, row_hash="other rows"),
        replace(WAIVER, expires_on=date(2026, 4, 5)),
        replace(WAIVER, checker="maker"),
    ],
)
def test_a_waiver_of_anything_else_opens_nothing(waiver: Waiver) -> None:
    found = decide(results(S="fail"), [violation("S")], [A], [waiver], policy=POLICY)
    assert verdicts(found, "scope")[SCOPE_KEY] == ("closed", ("S",))


def test_a_waiver_covers_one_of_two_violations_only() -> None:
    second = replace(violation("S"), exception_id="second")
    found = decide(results(S="fail"), [violation("S"), second], [A], [WAIVER], policy=POLICY)
    assert verdicts(found, "scope")[SCOPE_KEY] == ("closed", ("S",))


def test_people_may_hold_a_document_or_a_scope() -> None:
    found = decide(PASSING, [], [A, B], holds=[Hold("document", "B")], policy=POLICY)
    assert verdicts(found, "document") == {"B": ("closed", (HOLD_REASON,))}
    found = decide(PASSING, [], [A, B], holds=[Hold("scope", SCOPE_KEY)], policy=POLICY)
    assert verdicts(found, "scope")[SCOPE_KEY] == ("closed", (HOLD_REASON,))


@pytest.mark.parametrize(
    "other",
    [
        ([replace(A, content_hash="changed")], POLICY),
        ([A, B], POLICY),
        ([A], replace(POLICY, code_hash="other")),
        ([A], replace(POLICY, thresholds={"quarantine_share": "0.002"})),
        ([A], replace(POLICY, expected={"S": Blocks.SCOPE})),
        ([A], replace(POLICY, expected={**POLICY.expected, "D": Blocks.NONE})),
    ],
)
def test_the_scope_hash_moves_with_documents_controls_thresholds_and_code(other: tuple[list[Document], Policy]) -> None:
    assert scope_hash([A], POLICY) != scope_hash(*other)


def test_the_scope_hash_does_not_depend_on_order() -> None:
    assert scope_hash([A, B], POLICY) == scope_hash([B, A], POLICY)


documents = st.lists(
    st.builds(Document, st.sampled_from("ABCDEF"), st.sampled_from(["2026-02", "2026-03"]), st.just(ENTITY),
              st.just(CHANNEL), st.just("hash")),
    unique_by=lambda document: document.document_id,
)  # fmt: skip
said = st.lists(
    st.builds(ControlResult, st.sampled_from([*POLICY.expected]), st.sampled_from(["2026-02", "2026-03"]),
              st.just(ENTITY), st.just(CHANNEL), st.sampled_from(["pass", "fail", "not_run", "waived"]))
)  # fmt: skip
violations = st.lists(
    st.builds(Violation, st.sampled_from("klmnop"), st.sampled_from([*POLICY.expected]),
              st.sampled_from(["2026-02", "2026-03"]), st.just(ENTITY), st.just(CHANNEL),
              st.none() | st.sampled_from("ABCDEF"), st.booleans(), st.just(Decimal(1)), st.just("rows")),
    max_size=6,
)  # fmt: skip


@given(said, documents, violations, violations)
def test_more_violations_never_open_what_is_closed(
    said: list[ControlResult], documents: list[Document], some: list[Violation], more: list[Violation]
) -> None:
    before = {(v.level, v.key) for v in decide(said, some, documents, policy=POLICY) if v.verdict == "closed"}
    # A failed control shows its rows, so that the rows are what closes: without any it is closed anyway.
    unseen = {(r.control_id, r.period) for r in said if r.status == "fail"} - {(v.control_id, v.period) for v in some}
    more = [v for v in more if v.holds or (v.control_id, v.period) not in unseen]
    after = {(v.level, v.key) for v in decide(said, some + more, documents, policy=POLICY) if v.verdict == "closed"}
    assert before <= after


@given(said, documents, violations, st.sampled_from("ABCDEF"))
def test_holding_one_document_changes_no_other_verdict(
    said: list[ControlResult], documents: list[Document], some: list[Violation], held: str
) -> None:
    def others(found: list[Verdict]) -> list[Verdict]:
        return [v for v in found if v.level == "scope" or (v.level == "document" and v.key != held)]

    free = decide(said, some, documents, policy=POLICY)
    stopped = decide(said, some, documents, holds=[Hold("document", held)], policy=POLICY)
    assert others(free) == others(stopped)


@given(said, documents, violations, st.randoms())
def test_the_order_of_what_is_given_does_not_matter(
    said: list[ControlResult], documents: list[Document], some: list[Violation], random: st.DrawFn
) -> None:
    expected = decide(said, some, documents, policy=POLICY)
    for rows in (said, documents, some):
        random.shuffle(rows)  # type: ignore[attr-defined]
    assert decide(said, some, documents, policy=POLICY) == expected
