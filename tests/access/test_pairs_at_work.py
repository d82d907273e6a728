"""Every forbidden duty pair, in both orders and by every way round it: none succeeds, and each twin does.

The twin of a refused deed is the same deed on another chain (or, for who administered access, by another person).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from billing_assets.access import act, decided, people
from billing_assets.access.act import Compensating
from billing_assets.access.asks import SIGNED_DUTIES
from billing_assets.access.duties import PERSONS_ONLY, Duty
from billing_assets.access.errors import Forbidden
from billing_assets.access.pairs import HIGH, MEDIUM
from billing_assets.access.people import Actor
from billing_assets.ledger import NewDecision, PeopleRecord
from tests.access.builders import ask_credit
from tests.access.chain import ANOTHER, ONE, ROLE, as_role, ask_waiver_on, prepare
from tests.access.conftest import Office
from tests.ledger.builders import AS_OF, RUN


def ordered(found: frozenset[frozenset[Duty]]) -> list[tuple[Duty, Duty]]:
    """Each pair in both orders."""
    return sorted((one, other) for pair in found for one, other in permutations(pair))


def pairs(found: list[tuple[Duty, Duty]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("first", "second"), found, ids=[" then ".join(pair) for pair in found])


WITH_ACCESS = [pair for pair in ordered(HIGH) if Duty.ACCESS_ADMIN in pair]
ORDERED = [pair for pair in ordered(HIGH) if Duty.ACCESS_ADMIN not in pair]
REFUSED = "so .* is for another person"


def twin(office: Office, duty: Duty) -> Callable[[Actor], int]:
    """The same duty where it meets nothing: on another chain, under another release."""
    office.ledger.start_run(replace(RUN, code_hash="the next release"))
    return prepare(office, duty, ANOTHER)


@pairs(ORDERED)
def test_one_person_never_does_both(office: Office, first: Duty, second: Duty) -> None:
    x = office["x.one"]
    begin, again = prepare(office, first, ONE), prepare(office, second, ONE)
    begin(x)
    before = office.ledger.decision_sequence()
    with pytest.raises(Forbidden, match=REFUSED):
        again(x)
    assert office.ledger.decision_sequence() == before
    twin(office, second)(x)
    again(office["y.one"])


@pairs(WITH_ACCESS)
def test_who_administered_access_has_no_money_duty_and_the_other_way_round(
    office: Office, first: Duty, second: Duty
) -> None:
    """Access is to everything: there is no other chain. The twin is another person."""
    begin, again = prepare(office, first, ONE), prepare(office, second, ONE)
    with as_role(office, office["new.one"], ROLE[first]):
        begin(office["new.one"])
    with as_role(office, office["new.one"], ROLE[second]), pytest.raises(Forbidden, match=REFUSED):
        again(office["new.one"])
    with as_role(office, office["new.two"], ROLE[second]):
        again(office["new.two"])


@pairs(ORDERED)
def test_not_through_a_delegate_either(office: Office, first: Duty, second: Duty) -> None:
    """What new.one does in x's role is done by x as well; what y does in the same role is y's alone."""
    ledger, x, delegate = office.ledger, office["x.one"], office["new.one"]
    begin, again = prepare(office, first, ONE), prepare(office, second, ONE)
    begin(x)
    people.delegate(ledger, x, "new.one", ROLE[second], AS_OF, "on leave", AS_OF)
    with pytest.raises(Forbidden, match=REFUSED):
        again(delegate)
    twin(office, second)(delegate)
    again(office["y.one"])


@pairs(ORDERED)
def test_nor_after_a_delegate_did_the_first(office: Office, first: Duty, second: Duty) -> None:
    ledger, x, delegate = office.ledger, office["x.one"], office["new.one"]
    begin, again = prepare(office, first, ONE), prepare(office, second, ONE)
    people.delegate(ledger, x, "new.one", ROLE[first], AS_OF, "on leave", AS_OF)
    begin(delegate)
    with pytest.raises(Forbidden, match=REFUSED):
        again(x)
    people.delegate(ledger, office["y.one"], "new.one", ROLE[second], AS_OF, "on leave", AS_OF)
    with pytest.raises(Forbidden, match=REFUSED):
        again(delegate)
    again(office["y.one"])


@pairs([pair for pair in ORDERED if set(pair) - PERSONS_ONLY])
def test_nor_through_a_service_account_of_theirs(office: Office, first: Duty, second: Duty) -> None:
    """Whichever of the two a service account may do at all, its owner did it."""
    x, bot = office["x.one"], office["bot.one"]
    begin, again = prepare(office, first, ONE), prepare(office, second, ONE)
    begin(bot if first not in PERSONS_ONLY else x)
    with pytest.raises(Forbidden, match=REFUSED):
        again(x if second in PERSONS_ONLY else bot)
    again(office["y.one"])


@pytest.mark.parametrize("duty", sorted(PERSONS_ONLY - {Duty.ACCESS_ADMIN}))
def test_a_service_account_never_decides(office: Office, duty: Duty) -> None:
    """Not by a grant, which is refused, and not by a role of its owner."""
    with pytest.raises(Forbidden, match="service account"):
        people.grant(office.ledger, office.admin, "bot.one", ROLE[duty], "by mistake", AS_OF)
    with pytest.raises(Forbidden, match="service account"):
        prepare(office, duty, ONE)(office["bot.one"])


@pairs(ORDERED)
def test_what_is_written_past_the_rules_counts_for_nothing(office: Office, first: Duty, second: Duty) -> None:
    """A library call that writes the row itself: it is on the record, signed, sound in the chain, and void."""
    ledger, x = office.ledger, office["x.one"]
    begin, again = prepare(office, first, ONE), prepare(office, second, ONE)
    # The very row that a person without a past would write, with x's name on it.
    rows: list[NewDecision] = []

    def keep(judge: Callable[[PeopleRecord], NewDecision]) -> int:
        rows.append(judge(ledger.people()))
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "decide", keep)
        again(office["y.one"])
    begin(x)
    number = ledger.decide(lambda _: replace(rows[0], actor=x.name))
    standing = decided.standing(ledger, AS_OF)
    assert "is for another person" in standing.void[number]
    assert number not in standing.asks
    answered = standing.asks.get(rows[0].request_no or 0)
    assert answered is None or answered.state(AS_OF) == "open"
    assert all(release.decision_no != number for release in standing.released.values())
    twin_number = ledger.decide(lambda _: rows[0])
    assert twin_number not in decided.standing(ledger, AS_OF).void


@pairs(ordered(MEDIUM))
def test_a_medium_pair_needs_a_compensating_control_for_a_time(office: Office, first: Duty, second: Duty) -> None:
    x, ledger = office["x.one"], office.ledger
    prepare(office, first, ONE)(x)
    with pytest.raises(Forbidden, match="under a compensating control"):
        prepare(office, second, ONE)(x)
    for compensating in (
        Compensating("NO-01", AS_OF),  # no control of ours
        Compensating("INV-01", AS_OF + timedelta(91)),
        Compensating("INV-01", AS_OF - timedelta(1)),
    ):
        with pytest.raises(Forbidden):
            compensated(office, x, second, compensating)
    number = compensated(office, x, second, Compensating("INV-01", AS_OF + timedelta(90)))
    [row] = [decision for decision in ledger.proven_decisions() if decision.decision_no == number]
    assert "compensating:INV-01/2026-07-02" in row.links
    assert number not in decided.standing(ledger, AS_OF).void
    prepare(office, second, ONE)(office["y.one"])


def compensated(office: Office, actor: Actor, duty: Duty, compensating: Compensating) -> int:
    if duty in SIGNED_DUTIES:
        return act.sign(office.ledger, actor, duty, ONE.links, "small team", AS_OF, compensating=compensating)
    return ask_credit(
        office.ledger, actor, document=ONE.document, links=ONE.links, account_id=ONE.account, compensating=compensating
    )


def test_who_owns_a_control_does_not_waive_it(office: Office) -> None:
    """USG-07 is owned by billing operations."""
    ledger = office.ledger
    number = ask_waiver_on(ledger, office["clerk.one"], ONE)
    for owner in ("analyst.one", "lead.one"):
        with pytest.raises(Forbidden, match="is owned by billing operations"):
            act.approve(ledger, office[owner], number, object_hash="rows", reason="fine", as_of=AS_OF)
    # a manager who is lent nothing is no owner; one who also bills is
    people.grant(ledger, office.admin, "manager.one", "biller", "helps out", AS_OF)
    with pytest.raises(Forbidden, match="is owned by"):
        act.approve(ledger, office["manager.one"], number, object_hash="rows", reason="fine", as_of=AS_OF)
    act.approve(ledger, office["controller.one"], number, object_hash="rows", reason="fine", as_of=AS_OF)
    assert [waiver.request_no for waiver in decided.waivers(ledger, AS_OF)] == [number]


def test_an_owners_role_that_was_lent_counts_as_well(office: Office) -> None:
    ledger = office.ledger
    number = ask_waiver_on(ledger, office["clerk.one"], ONE)
    people.grant(ledger, office.admin, "controller.one", "biller", "helps out", AS_OF)
    people.delegate(ledger, office["controller.one"], "new.one", "controller", AS_OF, "on leave", AS_OF)
    with pytest.raises(Forbidden, match="is owned by"):
        act.approve(ledger, office["new.one"], number, object_hash="rows", reason="fine", as_of=AS_OF)
