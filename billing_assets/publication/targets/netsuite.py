"""NetSuite: invoices and credit memos by SuiteTalk REST, each an upsert by its external id.

An upsert would overwrite whatever stands under the external id, in a closed period too. So a record is put only where
none is there; one that is there is read and compared, and other content is rejected, never replaced. NetSuite keeps an
external id for ever: what was put once cannot be there twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from http import HTTPStatus
from typing import Any, TypeVar

from billing_assets.ledger import Attempt, ControlTotal, OutboxItem
from billing_assets.ledger.canonical import sha256_text
from billing_assets.publication.targets import Held, Payloads, TargetUnavailable
from billing_assets.publication.targets.netsuite_records import (
    RECORD_TYPES,
    SUBLISTS,
    IdMap,
    NotMapped,
    Record,
    difference,
    external_id,
    json_of,
    read_json,
    record_of,
)
from billing_assets.publication.targets.rest import Answer, RestApi

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105 - a path, no secret
SCOPE = "rest_webservices"
_RECORDS = "/services/rest/record/v1"
_SUITEQL = "/services/rest/query/v1/suiteql"
# A kill leaves the outcome of one portion in doubt, which is then read back item by item.
_PORTION = 100
# SuiteQL takes at most 1,000 values in a list, and answers at most 1,000 rows at a time.
_LIST = 500
# Answers that say "not now": the same request may do later. Every other 4xx says "never".
_TRANSIENT = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.PRECONDITION_FAILED,
    HTTPStatus.LOCKED,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_LONGEST_DETAIL = 300
_Given = TypeVar("_Given")
_Found = TypeVar("_Found")


class NetSuiteTarget:
    """One NetSuite account. At most `concurrency` requests are under way at a time."""

    name = "netsuite"

    def __init__(self, api: RestApi, ids: IdMap, concurrency: int) -> None:
        self._api = api
        self._ids = ids
        self._concurrency = concurrency

    def plan(self, items: Sequence[OutboxItem]) -> list[Sequence[OutboxItem]]:
        """Invoices first: a credit memo is applied to one."""
        memos = [item for item in items if item.kind == "credit_memo"]
        others = [item for item in items if item.kind != "credit_memo"]
        return [*_portions(others, _PORTION), *_portions(memos, _PORTION)]

    def send(self, items: Sequence[OutboxItem], payloads: Mapping[str, str]) -> list[Attempt]:
        answers: list[Attempt] = []
        records: dict[str, Record] = {}
        for item in items:
            try:
                records[item.item_key] = record_of(payloads[item.item_key], self._ids)
            except NotMapped as error:
                answers.append(Attempt(item.item_key, "rejected", str(error)))
        writable = [item for item in items if item.item_key in records]
        there = self._there(
            [item.document_id for item in writable]
            + [item.corrects_document_id for item in writable if item.corrects_document_id]
        )

        def put(item: OutboxItem) -> Attempt:
            return self._put(item, records[item.item_key], there)

        return answers + self._at_once(put, writable)

    def read_back(self, items: Sequence[OutboxItem], payloads: Payloads) -> Mapping[str, Held]:
        held: dict[str, Held] = {}
        for portion in _portions(items, _PORTION):
            issued = payloads(portion)

            def look(item: OutboxItem, issued: Mapping[str, str] = issued) -> tuple[str, Held | None]:
                try:
                    return item.item_key, self._look(item, record_of(issued[item.item_key], self._ids))
                except NotMapped as error:
                    return item.item_key, Held(None, str(error))
                except TargetUnavailable as error:
                    return item.item_key, Held(None, str(error))

            held.update({key: answer for key, answer in self._at_once(look, portion) if answer is not None})
        return held

    def totals(self, items: Sequence[OutboxItem]) -> Mapping[str, ControlTotal]:
        names = {identity: currency for currency, identity in self._ids.currencies.items()}
        totals: dict[str, ControlTotal] = {}
        for portion in _portions(items, _LIST):
            rows = self._query(
                "SELECT currency, COUNT(*) AS documents, SUM(foreigntotal) AS amount FROM transaction "
                f"WHERE externalid IN ({_listed(item.document_id for item in portion)}) GROUP BY currency"
            )
            for row in rows:
                # A currency that is none of ours is shown by NetSuite's own id: a difference either way.
                currency = names.get(str(row["currency"]), f"NetSuite currency {row['currency']}")
                before = totals.get(currency, ControlTotal(0, Decimal(0)))
                totals[currency] = ControlTotal(
                    before.documents + int(row["documents"]), before.amount + Decimal(str(row["amount"]))
                )
        return totals

    # -- one document ----------------------------------------------------------------------------------------

    def _put(self, item: OutboxItem, record: Record, there: set[str]) -> Attempt:
        key = item.item_key
        try:
            known = self._known(item, record, there)
            if known is not None:
                return known
            path = f"{_path(item)}?replace={SUBLISTS[item.kind]}"
            answer = self._api.call("PUT", path, json_of(record))
        except TargetUnavailable as error:
            return Attempt(key, "unknown", str(error))
        if answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return Attempt(key, "sent")
        is_transient = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _TRANSIENT
        return Attempt(key, "unknown" if is_transient else "rejected", _reason(answer))

    def _known(self, item: OutboxItem, record: Record, there: set[str]) -> Attempt | None:
        """Why the item is not to be put: it is there, or what it corrects is not. None = put it."""
        key, corrected = item.item_key, item.corrects_document_id
        if external_id(item.document_id) in there:
            held = self._look(item, record)
            if held is None or held.payload_hash is None:
                return Attempt(key, "unknown", "there, but not to be read back")
            if held.payload_hash != item.payload_hash:
                return Attempt(key, "rejected", f"the target holds other content: {held.detail}")
            return Attempt(key, "sent", "was there already")
        if corrected and "apply" in record and external_id(corrected) not in there:
            return Attempt(key, "unknown", f"not sent: {corrected}, which it corrects, is not there yet")
        return None

    def _look(self, item: OutboxItem, record: Record) -> Held | None:
        """What stands under the item's external id, compared with what we would send; None = nothing."""
        answer = self._api.call("GET", f"{_path(item)}?expandSubResources=true")
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            return Held(None, _reason(answer))
        differs = difference(record, read_json(answer.text))
        return Held(item.payload_hash) if differs is None else Held(sha256_text(answer.text), differs)

    # -- many at once ----------------------------------------------------------------------------------------

    def _there(self, document_ids: Sequence[str]) -> set[str]:
        """The external ids of these documents that NetSuite has."""
        found: set[str] = set()
        for portion in _portions(sorted(set(document_ids)), _LIST):
            rows = self._query(f"SELECT externalid FROM transaction WHERE externalid IN ({_listed(portion)})")
            found.update(str(row["externalid"]) for row in rows)
        return found

    def _query(self, query: str) -> list[dict[str, Any]]:
        answer = self._api.call("POST", _SUITEQL, json_of({"q": query}), Prefer="transient")
        if answer.status != HTTPStatus.OK:
            raise TargetUnavailable(f"SuiteQL: {_reason(answer)}")
        rows: list[dict[str, Any]] = read_json(answer.text)["items"]
        return rows

    def _at_once(self, work: Callable[[_Given], _Found], things: Sequence[_Given]) -> list[_Found]:
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix=self.name) as pool:
            return list(pool.map(work, things))


def _path(item: OutboxItem) -> str:
    return f"{_RECORDS}/{RECORD_TYPES[item.kind]}/eid:{external_id(item.document_id)}"


def _listed(document_ids: Iterable[str]) -> str:
    # External ids are letters, digits, dashes and underscores: nothing in them ends a literal.
    return ", ".join(f"'{external_id(document_id)}'" for document_id in document_ids)


def _portions(things: Sequence[_Given], size: int) -> Iterator[Sequence[_Given]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]


def _reason(answer: Answer) -> str:
    """Status and what NetSuite says of it, in a line."""
    try:
        details = read_json(answer.text)["o:errorDetails"]
        words = "; ".join(f"{one.get('o:errorCode', '')} {one.get('detail', '')}".strip() for one in details)
    except (TargetUnavailable, KeyError, TypeError, AttributeError):
        words = ""
    return f"{answer.status} {words}".strip()[:_LONGEST_DETAIL]
