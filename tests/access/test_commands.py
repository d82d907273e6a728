"""The commands: who acts is told by the token, every forbidden pair is refused here too, and the output says what is
still needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from billing_assets.access import act
from billing_assets.access.duties import Duty
from billing_assets.access.people import Actor
from billing_assets.cli import main
from billing_assets.ledger import Ledger
from tests.access.chain import ANOTHER, ONE, ROLE, Chain, as_role, prepare
from tests.access.conftest import Office
from tests.access.test_pairs_at_work import ORDERED, WITH_ACCESS, pairs
from tests.ledger.builders import AS_OF, OPEN, RUN, request, url_of

Command = Callable[..., Result]


@pytest.fixture
def billing(office: Office, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`billing(actor, *words)` on the office's home, with the actor's token in the environment."""
    monkeypatch.delenv("BILLING_TOKEN", raising=False)
    monkeypatch.delenv("BILLING_LEDGER_URL", raising=False)

    def run(actor: Actor | None, *words: str) -> Result:
        environment = {"BILLING_TOKEN": actor.token if actor else ""}
        return CliRunner().invoke(main, [*words, "--home", str(office.folder)], env=environment)

    return run


@pytest.fixture
def facts(office: Office) -> None:
    """The documents of both chains issued, and what requests are about in the warehouse."""
    office.ledger.issue(
        [request(chain.contract, account_id=chain.account, selling_entity=chain.entity) for chain in (ONE, ANOTHER)],
        ["file"],
        OPEN,
        RUN,
    )
    with duckdb.connect(str(office.folder / "warehouse.duckdb")) as connection:
        connection.execute("create schema marts; create schema raw_contracts; create schema raw_fx")
        connection.execute(
            "create table marts.fct_control_violations as select 'e of ' || contract as exception_id, "
            "'USG-07' as control_id, 100::decimal(38, 12) as amount, 'USD' as currency, 'rows' as row_hash, "
            "account as account_id, contract as contract_id, contract || '/2026-04-01/invoice/0' as document_id, "
            "'US01' as selling_entity, '2026-03' as period "
            "from (values ('C-1', 'A-1'), ('C-2', 'A-2')) as chains (contract, account)"
        )
        connection.execute(
            "create table raw_contracts.versions as select contract as contract_id, 2 as version, 'A-1' as account_id, "
            "'USD' as currency, 'terms' as terms_hash from (values ('C-1'), ('C-2')) as chains (contract)"
        )
        connection.execute(
            "create table raw_contracts.charges as select contract_id, version, 'tokens' as charge_id, "
            "'price' as price_hash from raw_contracts.versions"
        )


def content(chain: Chain) -> str:
    return f"content of {chain.contract}"


def words_for(office: Office, duty: Duty, chain: Chain) -> list[str]:
    """The command that does the duty on the chain; what others must have done before is done here."""
    ledger, reason = office.ledger, ["--reason", "right"]
    links = [word for link in chain.links for word in ("--link", link)]
    if duty is Duty.ACCESS_ADMIN:
        return ["user", "grant", "auditor.one", "reviewer", *reason]
    if duty is Duty.OVERRIDE_REQUEST:
        return ["request", "price", chain.contract, "2", "--charge", "tokens", "--amount", "100", *reason]
    if duty is Duty.INVOICE_RELEASE:
        held = act.hold(ledger, office["analyst.one"], "document", chain.document, "dispute", AS_OF)
        return ["release", str(held), *links, *reason]
    if duty in (Duty.OVERRIDE_APPROVE, Duty.CREDIT_APPROVE, Duty.WRITE_OFF_APPROVE, Duty.WAIVER_APPROVE):
        with pytest.MonkeyPatch.context() as patch:
            # what the requests of `prepare` are about is the document as it was issued
            original = act.request

            def bound(*given: object, **named: object) -> int:
                if named["object_hash"] == "content":
                    named["object_hash"] = content(chain)
                return original(*given, **named)  # type: ignore[arg-type]

            patch.setattr(act, "request", bound)
            prepare(office, duty, chain)
        return ["approve", str(ledger.decision_sequence()), *reason]
    if duty is Duty.CODE_DEPLOY:
        links = ["--link", f"release:{chain.release}"]
    return ["sign", duty, *links, *reason]


# A credit is asked for with `billing credit`, which belongs to corrections: asked for here by the library.
def begin(office: Office, billing: Command, actor: Actor, duty: Duty, chain: Chain) -> None:
    if duty is Duty.CREDIT_REQUEST:
        prepare(office, duty, chain)(actor)
        return
    done = billing(actor, *words_for(office, duty, chain))
    assert done.exit_code == 0, done.output


@pairs([pair for pair in ORDERED if pair[1] is not Duty.CREDIT_REQUEST])
@pytest.mark.usefixtures("facts")
def test_no_pair_gets_through_the_command_line(office: Office, billing: Command, first: Duty, second: Duty) -> None:
    begin(office, billing, office["x.one"], first, ONE)
    words = words_for(office, second, ONE)
    before = office.ledger.decision_sequence()
    refused = billing(office["x.one"], *words)
    assert (refused.exit_code, office.ledger.decision_sequence()) == (1, before), refused.output
    assert "is for another person" in refused.output
    allowed = billing(office["y.one"], *words)
    assert allowed.exit_code == 0, allowed.output


@pairs([pair for pair in WITH_ACCESS if pair[1] is not Duty.CREDIT_REQUEST])
@pytest.mark.usefixtures("facts")
def test_nor_one_with_access_administration(office: Office, billing: Command, first: Duty, second: Duty) -> None:
    words = words_for(office, second, ONE)
    with as_role(office, office["new.one"], ROLE[first]):
        begin(office, billing, office["new.one"], first, ONE)
    with as_role(office, office["new.one"], ROLE[second]):
        refused = billing(office["new.one"], *words)
    assert (refused.exit_code, "is for another person" in refused.output) == (1, True), refused.output


@pytest.mark.usefixtures("facts")
def test_a_waiver_from_the_first_word_to_the_last(office: Office, billing: Command) -> None:
    asked = billing(office["clerk.one"], "waive", "e of C-1", "--reason", "known", "--until", "2026-05-01")
    assert asked.exit_code == 0, asked.output
    assert "needs one approval by an analyst or higher; exposure 100.00 USD in 30 days" in asked.output
    assert "1 open" in billing(None, "decisions", "--open").output
    assert billing(office["controller.one"], "approve", "1", "--reason", "seen").exit_code == 0
    assert "1 2026-04-03 request waiver by user:clerk.one: approved" in billing(None, "decisions").output
    again = billing(office["clerk.one"], "approve", "1", "--reason", "me too")
    assert again.exit_code == 1


@pytest.mark.usefixtures("facts")
def test_what_has_changed_since_is_not_approved(office: Office, billing: Command) -> None:
    assert billing(office["clerk.one"], "waive", "e of C-1", "--reason", "k", "--until", "2026-05-01").exit_code == 0
    with duckdb.connect(str(office.folder / "warehouse.duckdb")) as connection:
        connection.execute("update marts.fct_control_violations set row_hash = 'other rows'")
    stale = billing(office["controller.one"], "approve", "1", "--reason", "seen")
    assert (stale.exit_code, "has changed since" in stale.output) == (1, True)


def test_without_a_good_token_nobody_acts(office: Office, billing: Command) -> None:
    for actor in (None, Actor("cfo.one", "user:cfo.one", "billing_00_made-up")):
        refused = billing(actor, "hold", "document", "C-1", "--reason", "x")
        assert (refused.exit_code, "BILLING_TOKEN is not valid" in refused.output) == (1, True)
    assert office.ledger.decision_sequence() == 0


def test_the_first_admin_and_their_people(tmp_path: Path) -> None:
    def run(token: str, *words: str) -> Result:
        return CliRunner().invoke(
            main, [*words, "--home", str(tmp_path), "--as-of", "2026-04-03"], env={"BILLING_TOKEN": token}
        )

    first = run("", "user", "init", "admin.one")
    assert first.exit_code == 0, first.output
    token = first.output.split()[-1]
    assert run("", "user", "init", "admin.two").exit_code == 1
    assert run(token, "user", "add", "analyst.one", "--reason", "joined").exit_code == 0
    granted = run(token, "user", "grant", "analyst.one", "analyst", "--reason", "their work")
    assert "note: analyst.one may do both credit_approve and credit_request" in granted.output
    refused = run(token, "user", "grant", "analyst.one", "access_admin", "--reason", "helps")
    assert (refused.exit_code, "no duty over money" in refused.output) == (1, True)
    given = run(token, "user", "token", "analyst.one", "--days", "20", "--reason", "theirs")
    own = given.output.split()[-1]
    held = run(own, "hold", "scope", "2026-03/US01/direct", "--reason", "wait", "--until", "2026-04-05")
    assert held.exit_code == 0, held.output
    assert "analyst.one: analyst" in run("", "user", "list").output
    review = run("", "user", "review").output
    assert "there is one access admin" in review
    assert "expires on 2026-04-23" in review
    with Ledger.open(url_of(tmp_path)) as ledger:
        assert all(own not in str(event.subject) for event in ledger.people().access)
