"""An emulator of NetSuite's REST interface: token endpoint, upsert by external id, reads, and two SuiteQL queries.

It answers as the vendor documents, misbehaves as told (`Faults`), and shows what took effect. Faults come from a seed;
which request meets which fault still depends on the order in which requests arrive.
"""

from __future__ import annotations

import base64
import json
import random
import re
import secrets
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105 - a path, no secret
_SUITEQL_PATH = "/services/rest/query/v1/suiteql"
_RECORD = re.compile(r"/services/rest/record/v1/(invoice|creditMemo)/eid:([A-Za-z0-9_-]+)")
_LOOK_UP = re.compile(r"SELECT externalid FROM transaction WHERE externalid IN \(([^)]*)\)")
_SUMS = re.compile(
    r"SELECT currency, COUNT\(\*\) AS documents, SUM\(foreigntotal\) AS amount FROM transaction "
    r"WHERE externalid IN \(([^)]*)\) GROUP BY currency"
)
_LONGEST_LIST = 1_000
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_ASSERTION = 3_600
_Reply = tuple[int, bytes, dict[str, str]]  # status, body, headers


@dataclass(frozen=True)
class Faults:
    """How often (0 to 1) a request meets each fault, and what is refused by rule. None of it by default."""

    seed: int = 0
    drop: float = 0  # the connection ends before anything is done
    error_before: float = 0  # 500, nothing done
    error_after: float = 0  # 500, and it is done
    lost: float = 0  # it is done, and the connection ends without an answer
    throttle: float = 0  # 429 with Retry-After
    duplicate: float = 0  # the network delivers the request twice
    delay: float = 0  # the answer takes `delay_seconds`
    delay_seconds: float = 0.02
    invisible: float = 0  # a new record is not found by its next `invisible_reads` reads
    invisible_reads: int = 2
    token_uses: int = 0  # a token is refused after so many requests; 0 = never
    concurrency: int = 0  # more requests at a time get 429; 0 = any number
    closed_periods: frozenset[str] = frozenset()
    refused: Mapping[str, int] = field(default_factory=dict)  # external id -> status it is always answered with


@dataclass
class Record:
    """A transaction. `effects` counts the requests that created or changed it, `puts` all that were carried out."""

    record_type: str
    internal_id: int
    body: dict[str, Any]
    effects: int = 1
    puts: int = 1
    unseen: int = 0  # reads that still do not find it

    @property
    def amount(self) -> Decimal:
        lines: list[dict[str, Any]] = self.body.get("item", {}).get("items", [])
        return sum((Decimal(str(line["amount"])) for line in lines), Decimal(0))

    @property
    def foreign_total(self) -> Decimal:
        """As SuiteQL has it: credit memos are negative."""
        return -self.amount if self.record_type == "creditMemo" else self.amount


class NetSuiteEmulator:
    """One account. `with emulator.serve() as url:` answers on loopback until the block ends."""

    def __init__(
        self,
        public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        client_id: str,
        certificate_id: str,
        faults: Faults | None = None,
    ) -> None:
        self.public_key = public_key
        self.client_id = client_id
        self.certificate_id = certificate_id
        self.faults = faults or Faults()
        self.records: dict[str, Record] = {}  # by external id
        self.requests: Counter[str] = Counter()  # by method
        self.met: Counter[str] = Counter()  # faults met, by name
        self.most_at_once = 0
        self.tokens_given = 0
        self._random = random.Random(self.faults.seed)  # noqa: S311 - faults are to be repeated, not to be guessed
        self._tokens: dict[str, int] = {}
        self._lock = threading.Lock()
        self._at_once = 0

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Answer requests on a free port of this machine; gives the base URL."""
        server = _Server(("127.0.0.1", 0), _Handler)
        server.emulator = self
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()

    # -- what tests ask ------------------------------------------------------------------------------------------

    def effects(self) -> dict[str, int]:
        """External id -> how often it took effect."""
        return {external_id: record.effects for external_id, record in self.records.items()}

    def totals(self) -> dict[str, tuple[int, Decimal]]:
        """Currency id -> (transactions, money)."""
        totals: dict[str, tuple[int, Decimal]] = {}
        for record in self.records.values():
            currency = record.body["currency"]["id"]
            count, amount = totals.get(currency, (0, Decimal(0)))
            totals[currency] = (count + 1, amount + record.foreign_total)
        return totals

    # -- answers -------------------------------------------------------------------------------------------------

    def chance(self, *names: str) -> str | None:
        """Which of these faults a request meets, if any."""
        with self._lock:
            drawn = self._random.random()
            for name in names:
                drawn -= getattr(self.faults, name)
                if drawn < 0:
                    self.met[name] += 1
                    return name
            return None

    @contextmanager
    def one_request(self, method: str) -> Iterator[bool]:
        """Whether the request is within the account's concurrency."""
        with self._lock:
            self.requests[method] += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            is_within = not self.faults.concurrency or self._at_once <= self.faults.concurrency
        try:
            yield is_within
        finally:
            with self._lock:
                self._at_once -= 1

    def give_token(self, form: Mapping[str, list[str]], audience: str) -> str | None:
        """A token for a good assertion; None for any other."""
        assertion = form.get("client_assertion", [""])[0]
        if form.get("grant_type") != ["client_credentials"] or form.get("client_assertion_type") != [_ASSERTION_TYPE]:
            return None
        try:
            signed, _, signature = assertion.rpartition(".")
            header, claims = (json.loads(_unbase64(part)) for part in signed.split("."))
            self._verify(header["alg"], signed.encode(), _unbase64(signature))
        except (ValueError, KeyError, InvalidSignature):
            return None
        is_ours = (header["kid"], claims["iss"], claims["aud"]) == (self.certificate_id, self.client_id, audience)
        now = time.time()
        is_fresh = claims["iat"] <= now + 60 and now < claims["exp"] <= claims["iat"] + _LONGEST_ASSERTION
        if not is_ours or not is_fresh or "rest_webservices" not in claims["scope"]:
            return None
        token = secrets.token_hex(16)
        with self._lock:
            self._tokens[token] = 0
            self.tokens_given += 1
        return token

    def _verify(self, algorithm: str, message: bytes, signature: bytes) -> None:
        if isinstance(self.public_key, rsa.RSAPublicKey) and algorithm == "PS256":
            salted = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
            self.public_key.verify(signature, message, salted, hashes.SHA256())
        elif isinstance(self.public_key, ec.EllipticCurvePublicKey) and algorithm == "ES256":
            half = len(signature) // 2
            r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
            encoded = utils.encode_dss_signature(r, s)
            self.public_key.verify(encoded, message, ec.ECDSA(hashes.SHA256()))
        else:
            raise InvalidSignature

    def takes_token(self, token: str) -> bool:
        with self._lock:
            if token not in self._tokens:
                return False
            self._tokens[token] += 1
            return not self.faults.token_uses or self._tokens[token] <= self.faults.token_uses

    def put(self, record_type: str, external_id: str, body: dict[str, Any], replaced: set[str]) -> tuple[int, Any]:
        """Upsert: fields given are set, sublists merged unless they are named in `replaced`."""
        with self._lock:
            period = body.get("postingPeriod", {}).get("id")
            before = self.records.get(external_id)
            periods = {period, before.body["postingPeriod"]["id"] if before else None}
            if periods & self.faults.closed_periods:
                return 400, ("USER_ERROR", "You may not post to a closed accounting period.", "postingPeriod")
            for applied in body.get("apply", {}).get("items", []):
                invoice = self.records.get(applied["doc"]["id"].removeprefix("eid:"))
                if invoice is None or invoice.record_type != "invoice":
                    return 400, ("INVALID_KEY_OR_REF", "Invalid apply reference key.", "apply.items")
            if before is None:
                unseen = 0
                if self._random.random() < self.faults.invisible:
                    unseen = self.faults.invisible_reads
                    self.met["invisible"] += 1
                record = Record(record_type, 1_000 + len(self.records), body, unseen=unseen)
                self.records[external_id] = record
                return 204, record.internal_id
            after = {**before.body, **body}
            for name in ("item", "apply"):
                if name in body and name in before.body and name not in replaced:
                    after[name] = {"items": before.body[name]["items"] + body[name]["items"]}
            before.puts += 1
            if after != before.body:
                before.body = after
                before.effects += 1
            return 204, before.internal_id

    def read(self, external_id: str) -> Record | None:
        """The record, once reads find it."""
        with self._lock:
            record = self.records.get(external_id)
            if record is not None and record.unseen:
                record.unseen -= 1
                return None
            return record

    def query(self, text: str) -> list[dict[str, str]] | None:
        """Rows of one of the two queries that are understood; values are text, as SuiteQL gives them."""
        look_up, sums = _LOOK_UP.fullmatch(text), _SUMS.fullmatch(text)
        found = look_up or sums
        if found is None:
            return None
        wanted = [value.strip().strip("'") for value in found[1].split(",")]
        if len(wanted) > _LONGEST_LIST:
            return None
        with self._lock:
            seen = {key: self.records[key] for key in wanted if key in self.records and not self.records[key].unseen}
            if look_up:
                return [{"externalid": key} for key in seen]
            groups: defaultdict[str, list[Decimal]] = defaultdict(list)
            for record in seen.values():
                groups[record.body["currency"]["id"]].append(record.foreign_total)
        return [
            {"currency": currency, "documents": str(len(amounts)), "amount": f"{sum(amounts, Decimal(0)):f}"}
            for currency, amounts in groups.items()
        ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    emulator: NetSuiteEmulator

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed or gave up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it every small answer waits for the client's acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: tests read the state."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        emulator = self.server.emulator
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with emulator.one_request(method) as is_within:
            if not is_within:
                emulator.met["concurrency"] += 1
                self._throttled()
                return
            fault = emulator.chance("drop", "error_before", "throttle", "error_after", "lost", "duplicate", "delay")
            if fault == "drop":
                self._hang_up()
            elif fault == "error_before":
                self._error(500, "UNEXPECTED_ERROR", "An unexpected error occurred.")
            elif fault == "throttle":
                self._throttled()
            else:
                if fault == "duplicate":
                    self._carry_out(method, body)
                status, content, headers = self._carry_out(method, body)
                if fault == "delay":
                    time.sleep(emulator.faults.delay_seconds)
                if fault == "lost":
                    self._hang_up()
                elif fault == "error_after":
                    self._error(500, "UNEXPECTED_ERROR", "An unexpected error occurred.")
                else:
                    self._reply(status, content, headers)

    def _carry_out(self, method: str, body: bytes) -> _Reply:
        emulator = self.server.emulator
        url = urlsplit(self.path)
        if url.path == TOKEN_PATH:
            token = emulator.give_token(parse_qs(body.decode()), f"http://{self.headers['Host']}{TOKEN_PATH}")
            if token is None:
                return 400, json.dumps({"error": "invalid_grant"}).encode(), {}
            return 200, _json({"access_token": token, "expires_in": "3600", "token_type": "bearer"}), {}
        if not emulator.takes_token(self.headers.get("Authorization", "").removeprefix("Bearer ")):
            return _problem(401, "INVALID_LOGIN", "Invalid login attempt.")
        if url.path == _SUITEQL_PATH and method == "POST":
            return self._query(json.loads(body)["q"])
        return self._record(method, url, body)

    def _record(self, method: str, url: SplitResult, body: bytes) -> _Reply:
        found = _RECORD.fullmatch(url.path)
        if found is None:
            return _problem(404, "NONEXISTENT_ID", "There is no such resource.")
        refused = self.server.emulator.faults.refused.get(found[2])
        if refused is not None:
            return _problem(refused, "INVALID_CONTENT", "Refused by rule.")
        replaced = set(parse_qs(url.query).get("replace", [""])[0].split(","))
        return self._put(found[1], found[2], body, replaced) if method == "PUT" else self._get(found[1], found[2])

    def _query(self, query: str) -> _Reply:
        rows = self.server.emulator.query(query)
        if rows is None or self.headers.get("Prefer") != "transient":
            return _problem(400, "INVALID_PARAMETER", "Invalid search query.")
        return 200, _json({"items": rows, "count": len(rows), "hasMore": False}), {}

    def _put(self, record_type: str, external_id: str, body: bytes, replaced: set[str]) -> _Reply:
        content = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        status, told = self.server.emulator.put(record_type, external_id, content, replaced)
        if status != 204:
            return _problem(status, *told)
        return status, b"", {"Location": f"/services/rest/record/v1/{record_type}/{told}"}

    def _get(self, record_type: str, external_id: str) -> _Reply:
        record = self.server.emulator.read(external_id)
        if record is None or record.record_type != record_type:
            return _problem(404, "NONEXISTENT_ID", "The record instance does not exist.")
        own = {"id": str(record.internal_id), "externalId": external_id, "total": record.amount}
        return 200, _json({**record.body, **own}), {}

    # -- the wire ------------------------------------------------------------------------------------------------

    def _reply(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Type", "application/vnd.oracle.resource+json")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _error(self, status: int, code: str, detail: str) -> None:
        self._reply(*_problem(status, code, detail))

    def _throttled(self) -> None:
        status, content, _ = _problem(429, "CONCURRENCY_LIMIT_EXCEEDED", "Too many requests at a time.")
        self._reply(status, content, {"Retry-After": "1"})

    def _hang_up(self) -> None:
        self.close_connection = True


def _problem(status: int, code: str, detail: str, path: str = "") -> _Reply:
    error = {"detail": detail, "o:errorCode": code, **({"o:errorPath": path} if path else {})}
    return status, _json({"type": "", "title": detail, "status": status, "o:errorDetails": [error]}), {}


def _json(value: object) -> bytes:
    """JSON with decimals as the numbers they are."""
    import msgspec

    return msgspec.json.Encoder(decimal_format="number").encode(value)


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
