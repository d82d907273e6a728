"""Users, roles, tokens and delegations: who can change them, when they count, and what written past the rules does."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from billing_assets.access import people, rates
from billing_assets.access.errors import Forbidden, MissingRate, NotAuthenticated
from billing_assets.access.standing import Standing
from billing_assets.ledger import Ledger, NewAccessEvent
from tests.access.builders import ask_credit, hire
from tests.access.conftest import Office
from tests.ledger.builders import AS_OF

DAY = timedelta(days=1)


def test_the_first_admin_is_made_once(ledger: Ledger) -> None:
    token = people.initialise(ledger, "admin.one", AS_OF)
    assert people.authenticate(ledger, token.token, AS_OF).name == "user:admin.one"
    with pytest.raises(Forbidden, match="users already"):
        people.initialise(ledger, "admin.two", AS_OF)


def test_a_token_is_kept_as_a_hash_and_shown_to_nobody(office: Office) -> None:
    token = people.give_token(office.ledger, office.admin, "clerk.one", "lost", AS_OF)
    secret = token.token.split("_", 2)[2]
    assert secret not in repr(token)
    assert token.token not in repr(people.authenticate(office.ledger, token.token, AS_OF))
    assert all(secret not in str(event) for event in office.ledger.people().access)


def test_a_token_ends_on_its_day_or_when_taken_back_or_with_its_user(office: Office) -> None:
    ledger = office.ledger
    token = people.give_token(ledger, office.admin, "clerk.one", "new", AS_OF, days=5)
    people.authenticate(ledger, token.token, AS_OF + 5 * DAY)
    with pytest.raises(NotAuthenticated):
        people.authenticate(ledger, token.token, AS_OF + 6 * DAY)
    with pytest.raises(Forbidden, match="90 days at most"):
        people.give_token(ledger, office.admin, "clerk.one", "new", AS_OF, days=91)
    people.revoke_token(ledger, office.admin, "clerk.one", token.token_id, "lost", AS_OF)
    with pytest.raises(NotAuthenticated):
        people.authenticate(ledger, token.token, AS_OF)
    people.disable(ledger, office.admin, "clerk.one", "left", AS_OF)
    with pytest.raises(NotAuthenticated):
        ask_credit(ledger, office["clerk.one"])


@pytest.mark.parametrize("token", ["", "billing", "billing__", "billing_00_x", "other_00_x"])
def test_what_is_no_token_is_nobody(office: Office, token: str) -> None:
    with pytest.raises(NotAuthenticated):
        people.authenticate(office.ledger, token, AS_OF)


def test_a_token_with_another_secret_is_nobody(office: Office) -> None:
    with pytest.raises(NotAuthenticated):
        people.authenticate(office.ledger, office["cfo.one"].token[:-1] + "!", AS_OF)


def test_access_and_money_are_apart(office: Office) -> None:
    with pytest.raises(Forbidden, match="no duty over money"):
        people.grant(office.ledger, office.admin, "admin.two", "analyst", "helps", AS_OF)
    with pytest.raises(Forbidden, match="no duty over money"):
        people.grant(office.ledger, office.admin, "clerk.one", "access_admin", "helps", AS_OF)
    with pytest.raises(Forbidden, match="no duty over money"):
        people.delegate(office.ledger, office["cfo.one"], "admin.one", "cfo", AS_OF, "leave", AS_OF)
    with pytest.raises(Forbidden, match="own access"):
        people.grant(office.ledger, office.admin, "admin.one", "auditor", "looks", AS_OF)
    with pytest.raises(Forbidden, match="not lent"):
        people.delegate(office.ledger, office.admin, "new.one", "access_admin", AS_OF, "leave", AS_OF)


def test_only_an_access_admin_changes_access(office: Office) -> None:
    for who in ("cfo.one", "auditor.one", "bot.one"):
        with pytest.raises(Forbidden, match="no access admin"):
            people.grant(office.ledger, office[who], "new.one", "cfo", "please", AS_OF)


def test_a_role_is_lent_for_a_time_while_its_giver_has_it(office: Office) -> None:
    ledger = office.ledger
    people.delegate(ledger, office["clerk.one"], "new.one", "credit_requester", AS_OF, "on leave", AS_OF)
    assert ask_credit(ledger, office["new.one"]) == 1
    [row] = ledger.proven_decisions()
    assert (row.actor, row.on_behalf_of, row.role) == ("user:new.one", "user:clerk.one", "credit_requester")
    with pytest.raises(Forbidden, match="no role"):
        ask_credit(ledger, office["new.one"], as_of=AS_OF + DAY)
    with pytest.raises(Forbidden, match="a role of their own"):
        people.delegate(ledger, office["new.one"], "new.two", "credit_requester", AS_OF + DAY, "x", AS_OF + DAY)
    people.delegate(ledger, office["clerk.one"], "new.one", "credit_requester", AS_OF + 2 * DAY, "x", AS_OF + DAY)
    people.revoke(ledger, office.admin, "clerk.one", "credit_requester", "moved", AS_OF + DAY)
    with pytest.raises(Forbidden, match="no role"):
        ask_credit(ledger, office["new.one"], as_of=AS_OF + DAY)


def test_a_service_account_falls_with_its_owner(office: Office) -> None:
    ask_credit(office.ledger, office["bot.one"])
    people.disable(office.ledger, office.admin, "x.one", "left", AS_OF)
    with pytest.raises(Forbidden, match="no role"):
        ask_credit(office.ledger, office["bot.one"])
    with pytest.raises(Forbidden, match="an owner who is a person"):
        hire(office.ledger, office.admin, "bot.two", (), owner="bot.one")


@pytest.mark.parametrize(
    "event",
    [
        NewAccessEvent("granted", "new.one", {"role": "cfo"}, "user:clerk.one", "mine", AS_OF),
        NewAccessEvent("granted", "admin.one", {"role": "cfo"}, "user:admin.two", "mine", AS_OF),
        NewAccessEvent("initialised", "clerk.one", {"token_id": "1", "token_hash": "2"}, "user:clerk.one", "x", AS_OF),
        NewAccessEvent("crowned", "new.one", {}, "user:admin.one", "mine", AS_OF),
        NewAccessEvent("granted", "new.one", {"role": "cfo"}, "user:nobody", "mine", AS_OF),
    ],
)
def test_a_change_written_past_the_rules_counts_for_nothing(office: Office, event: NewAccessEvent) -> None:
    office.ledger.change_access(lambda _: [event])
    record = office.ledger.people()
    standing = Standing.of(record)
    assert list(standing.void_access) == [len(record.access)]
    assert "cfo" not in standing.users.all["new.one"].roles


def test_dollars_by_the_newest_rate_either_way_round(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        connection.execute(
            "create schema raw_fx; create table raw_fx.rates (rate_date date, base_currency varchar, "
            "quote_currency varchar, rate decimal(38, 12))"
        )
        connection.execute(
            "insert into raw_fx.rates values ('2026-04-01', 'EUR', 'USD', 1.1), ('2026-03-01', 'EUR', 'USD', 9), "
            "('2026-04-04', 'EUR', 'USD', 8), ('2026-04-01', 'USD', 'JPY', 150), ('2026-01-01', 'GBP', 'USD', 1.3)"
        )
        to_usd = rates.dollars(connection, AS_OF)
        assert to_usd(Decimal(100), "EUR") == Decimal("110.00")
        assert to_usd(Decimal(100), "JPY") == Decimal("0.67")
        assert to_usd(Decimal(100), "USD") == 100
        with pytest.raises(MissingRate, match="land one in fx/"):
            to_usd(Decimal(100), "GBP")
