"""Several processes write at once: one chain, numbers without gaps, nothing lost, every root in its place."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest

from billing_assets.ledger.seal import Seal
from tests.ledger.builders import AS_OF, OPEN, RUN, Place, found, request
from tests.ledger.test_seal import decide

WRITERS, TRANSACTIONS = 4, 25

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks writers")


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)  # never back into the parent's tests


def write(place: Place, name: str) -> None:
    with place.open() as ledger:
        for number in range(TRANSACTIONS):
            if number % 5 == 0:
                decide(ledger, f"user:{name}")
            elif number % 5 == 1:
                ledger.register_batch(AS_OF, [found(f"{name}-{number}")])
            else:
                ledger.issue([request(f"{name}-{number}")], ["file"], OPEN, RUN)


def test_writers_in_many_processes_share_one_chain(place: Place) -> None:
    names = [f"writer-{number}" for number in range(WRITERS)]
    children = [forked(lambda name=name: write(place, name)) for name in names]  # type: ignore[misc]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * WRITERS
    with place.open() as ledger:
        documents = ledger.extract()["issued_documents"].to_pylist()
        decisions = ledger.proven_decisions()
        files = ledger.registered()
        assert ledger.verify() == []
        last = ledger.sequence()
    each = TRANSACTIONS // 5
    assert [document["number"] for document in documents] == [
        f"US01-INV-{number:06d}" for number in range(1, WRITERS * each * 3 + 1)
    ]
    assert Counter(document["contract_id"].rsplit("-", 1)[0] for document in documents) == dict.fromkeys(
        names, each * 3
    )
    assert Counter(decision.actor for decision in decisions) == {f"user:{name}": each for name in names}
    assert all(decision.proven for decision in decisions)
    assert sorted(file.path for file in files) == sorted(
        f"{name}-{number}" for name in names for number in range(1, TRANSACTIONS, 5)
    )
    roots = Seal(place.seal).roots()
    assert len(roots) == 1 + WRITERS * TRANSACTIONS  # one a transaction, none left out
    assert roots[-1].sequence == last


def test_an_audit_beside_a_writer_finds_no_fault(place: Place) -> None:
    child = forked(lambda: write(place, "writer"))
    audits = []
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        audits.append(place.audit().faults)
    assert audits
    assert not any(audits)
    assert place.audit().faults == ()
