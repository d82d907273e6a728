"""The forbidden duty pairs as a pure function: which they are, when two deeds meet, whose hands a deed is."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_assets.access.duties import MONEY_DUTIES, ROLES, Duty
from billing_assets.access.pairs import HIGH, MEDIUM, Deed, Severity, conflicts, severity

# The letters of the specification, in its order.
LETTERS = dict(zip("abcdefghijklmnopqr", Duty, strict=True))
HIGH_LETTERS = "be bg cg de fg hi ij jl jk li lf mn of oh oc qe qg qi qo cm ai"
MEDIUM_LETTERS = "af fh jm hj"
LINKS = ["contract:C-1", "document:D-1", "account:A-1", "bank:B-1", "period:US01/2026-03", "release:abc", "control:X"]

duties = st.sampled_from(Duty)
deeds = st.builds(
    Deed,
    duties,
    st.frozensets(st.sampled_from(["user:a", "user:b", "user:c"]), min_size=1, max_size=2),
    st.frozensets(st.sampled_from(LINKS), max_size=3),
)


def named(pair: frozenset[Duty]) -> str:
    return " and ".join(sorted(pair))


PAIRS: list[frozenset[Duty]] = sorted([*HIGH, *MEDIUM], key=named)


def of(letters: str) -> set[frozenset[Duty]]:
    return {frozenset({LETTERS[pair[0]], LETTERS[pair[1]]}) for pair in letters.split()}


def test_the_pairs_are_those_of_the_specification() -> None:
    with_access = {frozenset({Duty.ACCESS_ADMIN, duty}) for duty in MONEY_DUTIES}
    assert of(HIGH_LETTERS) | with_access == HIGH
    assert of(MEDIUM_LETTERS) == MEDIUM
    assert not HIGH & MEDIUM


def test_every_duty_is_of_a_role() -> None:
    assert set().union(*ROLES.values()) == set(Duty)


@given(deeds, deeds)
def test_order_changes_nothing(one: Deed, other: Deed) -> None:
    forth, back = list(conflicts(one, [other])), list(conflicts(other, [one]))
    assert [found.severity for found in forth] == [found.severity for found in back]


@given(deeds, st.lists(deeds, max_size=6), st.lists(deeds, max_size=6))
def test_a_longer_past_never_allows_what_a_shorter_one_refused(
    deed: Deed, before: list[Deed], more: list[Deed]
) -> None:
    assert set(map(str, conflicts(deed, before))) <= set(map(str, conflicts(deed, before + more)))


@given(deeds, deeds)
def test_other_people_and_other_chains_never_conflict(one: Deed, other: Deed) -> None:
    found = list(conflicts(one, [other]))
    if not one.people & other.people:
        assert found == []
    if Duty.ACCESS_ADMIN not in (one.duty, other.duty) and not one.links & other.links:
        assert found == []


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_a_pair_meets_on_the_chain_keys_of_its_objects(pair: frozenset[Duty]) -> None:
    one, other = sorted(pair)
    person = frozenset({"user:a"})
    for link in ("document:D-1", "contract:C-1"):
        chain = frozenset({link})
        [found] = conflicts(Deed(one, person, chain), [Deed(other, person, chain)])
        assert found.severity is (Severity.HIGH if pair in HIGH else Severity.MEDIUM)


def test_a_release_binds_only_who_deployed_it() -> None:
    person, release = frozenset({"user:a"}), frozenset({"release:abc"})
    asked = Deed(Duty.CREDIT_REQUEST, person, release)
    assert list(conflicts(Deed(Duty.CREDIT_APPROVE, person, release), [asked])) == []
    deployed = Deed(Duty.CODE_DEPLOY, person, release)
    assert list(conflicts(Deed(Duty.CREDIT_APPROVE, person, release), [deployed])) != []


def test_a_month_binds_who_locks_or_reconciles_it() -> None:
    person, month = frozenset({"user:a"}), frozenset({"period:US01/2026-03"})
    asked = Deed(Duty.CREDIT_REQUEST, person, month)
    assert list(conflicts(Deed(Duty.CREDIT_APPROVE, person, month), [asked])) == []
    assert list(conflicts(Deed(Duty.PERIOD_LOCK, person, month), [asked])) != []
    amended = Deed(Duty.USAGE_AMENDMENT, person, month)
    assert list(conflicts(Deed(Duty.RECONCILE_PREPARE, person, month), [amended])) != []


def test_a_customer_binds_master_data_and_cash() -> None:
    person, customer = frozenset({"user:a"}), frozenset({"account:A-1"})
    changed = Deed(Duty.MASTER_DATA_CHANGE, person, customer)
    assert list(conflicts(Deed(Duty.CREDIT_APPROVE, person, customer), [changed])) != []
    prepared = Deed(Duty.INVOICE_PREPARE, person, customer)
    assert list(conflicts(Deed(Duty.INVOICE_RELEASE, person, customer), [prepared])) == []


def test_duties_that_are_no_pair_are_none() -> None:
    forbidden = HIGH | MEDIUM
    for one, other in combinations(Duty, 2):
        assert (severity(one, other) is not None) == (frozenset({one, other}) in forbidden)
