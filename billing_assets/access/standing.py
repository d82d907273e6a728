"""What counts of what was decided: the record replayed, every row judged by the rules at its place in it.

Pure. A decision is judged before it is written and again each time the record is read, so that a row which got into
the ledger some other way (forged, copied, written by a library call) counts for nothing: see `Standing.void`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from billing_assets.access.asks import (
    HOLD_LEVELS,
    NEEDS_LINK,
    REOPEN_ROLES,
    REQUESTS,
    SIGNED_DUTIES,
    WITHOUT_AMOUNT,
    Ask,
    item_of,
    links_of,
    signed_amount,
)
from billing_assets.access.duties import (
    DAYS_AHEAD,
    LONGEST_EXCEPTION_DAYS,
    OPERATING_ROLES,
    OWNER_ROLES,
    PERSONS_ONLY,
    RANKS,
    ROLES,
    Duty,
)
from billing_assets.access.errors import Forbidden
from billing_assets.access.ladder import Stake, exposure, needed, open_places, suffices
from billing_assets.access.owners import owner_of
from billing_assets.access.pairs import Deed, Severity, conflicts
from billing_assets.access.users import SERVICE, Capacity, User, Users
from billing_assets.ledger import AccessEvent, Decision, NewAccessEvent, NewDecision, PeopleRecord, RunMark
from billing_assets.ledger.canonical import Json

_COMPENSATING = "compensating:"


class Standing:
    """Users, deeds, requests and holds as they stand at the end of a record."""

    def __init__(self, controls: Mapping[str, str]) -> None:
        self.users = Users()
        self.asks: dict[int, Ask] = {}
        self.holds: dict[int, Decision] = {}
        self.released: dict[int, Decision] = {}
        self.void: dict[int, str] = {}  # decision number -> why it does not count
        self.void_access: dict[int, str] = {}  # access event number -> why it does not count
        self.last_acted: dict[str, date] = {}
        self.code_hash: str | None = None  # of the last run
        self._controls = controls
        self._deeds: dict[str, list[Deed]] = defaultdict(list)
        self._last_run: date | None = None
        self._last_day = date.min

    @classmethod
    def of(cls, record: PeopleRecord, as_of: date | None = None) -> Standing:
        """Replay the record; with `as_of`, only what was recorded by the end of that business date."""
        standing = cls(record.controls)
        events: list[AccessEvent | Decision | RunMark] = [*record.access, *record.decisions, *record.runs]
        for event in sorted(events, key=lambda event: event.entry_sequence):
            if isinstance(event, RunMark):
                standing.code_hash, standing._last_run = event.code_hash, event.as_of
            elif as_of is None or event.recorded_on <= as_of:
                standing._replay(event)
        return standing

    def _replay(self, event: AccessEvent | Decision) -> None:
        try:
            if not event.proven:
                raise Forbidden("it is not as it was signed")
            if isinstance(event, Decision):
                self.judge(event)
                self._apply(event)
            else:
                self.judge_access(event)
                self._apply_access(event)
        except Forbidden as refusal:
            if isinstance(event, Decision):
                self.void[event.decision_no] = str(refusal)
            else:
                self.void_access[event.event_no] = str(refusal)

    # -- who may act -------------------------------------------------------------------------------------------

    def judge_access(self, event: NewAccessEvent) -> None:
        """Raise Forbidden where this change of access may not be made."""
        self._check_day(event.recorded_on)
        self.users.judge(event)
        if event.event not in ("initialised", "delegated", "delegation_ended"):
            self._check_pairs(self._access_deed(event))

    def _apply_access(self, event: AccessEvent) -> None:
        self.users.apply(event)
        self._note(event.actor, event.recorded_on)
        if event.event not in ("delegated", "delegation_ended"):
            self._remember(self._access_deed(event))

    def _access_deed(self, event: NewAccessEvent) -> Deed:
        return Deed(Duty.ACCESS_ADMIN, frozenset({event.actor}), frozenset({f"user:{event.user_id}"}), event.event)

    # -- decisions ---------------------------------------------------------------------------------------------

    def judge(self, decision: NewDecision) -> None:
        """Raise Forbidden, naming the rule, where this decision may not be made as the record stands."""
        self._check_day(decision.recorded_on)
        if not decision.reason.strip():
            raise Forbidden("a decision has a reason")
        actor = self.users.named(decision.actor)
        self._check_capacity(decision, actor)
        missing = self.links_needed(decision) - set(decision.links)
        if missing:
            raise Forbidden(f"the chain keys {', '.join(sorted(missing))} were left out")
        judges = {
            "request": self._judge_request,
            "approve": self._judge_approve,
            "reject": self._judge_reject,
            "withdraw": self._judge_withdraw,
            "hold": self._judge_hold,
            "release": self._judge_release,
            "sign": self._judge_sign,
        }
        if decision.decision not in judges:
            raise Forbidden(f"{decision.decision} is no decision")
        judges[decision.decision](decision)
        deed = _deed(decision)
        if deed is not None:
            self._check_pairs(deed, decision)

    def links_needed(self, decision: NewDecision) -> set[str]:
        """The chain keys that a decision cannot do without: of its subject, of what it answers, of the release."""
        links = links_of(decision.subject)
        # Who deploys names the release deployed; everybody else acts under the one that runs.
        if self.code_hash is not None and decision.duty != Duty.CODE_DEPLOY:
            links.add(f"release:{self.code_hash}")
        answered = self.asks.get(decision.request_no or 0)
        if answered is not None:
            # Under which release it was asked for binds who asked, not who answers.
            links.update(link for link in answered.request.links if not link.startswith(("release:", _COMPENSATING)))
        hold = self.holds.get(decision.request_no or 0)
        if hold is not None:
            links.update(links_of(hold.subject))
        return links

    def capacities(self, actor: User, day: date, duty: Duty | None) -> list[Capacity]:
        """The roles in which the actor can exercise the duty; without one, those of who works in billing."""
        return [
            capacity
            for capacity in self.users.capacities(actor, day)
            if (capacity.role in OPERATING_ROLES if duty is None else duty in ROLES[capacity.role])
        ]

    def _check_capacity(self, decision: NewDecision, actor: User) -> None:
        duty = _duty(decision)
        if actor.kind == SERVICE and (duty in PERSONS_ONLY or decision.decision in ("approve", "reject", "release")):
            raise Forbidden(f"{actor.name} is a service account: {decision.decision} is for people")
        capacity = Capacity(str(decision.role), decision.on_behalf_of)
        if capacity not in self.capacities(actor, decision.recorded_on, duty):
            does = duty or "work in billing"
            roles = sorted(role for role in ROLES if (duty in ROLES[role] if duty else role in OPERATING_ROLES))
            raise Forbidden(f"{actor.name} has no role that may {does}: {', '.join(roles)}")

    def _check_day(self, day: date) -> None:
        if day < self._last_day or (self._last_run is not None and day < self._last_run):
            raise Forbidden(f"{day} is before what is of the record: decisions are not back-dated")
        if self._last_run is not None and day > self._last_run + timedelta(DAYS_AHEAD):
            raise Forbidden(f"{day} is more than {DAYS_AHEAD} days after the last run of {self._last_run}: run first")

    # -- requests ----------------------------------------------------------------------------------------------

    def _judge_request(self, request: NewDecision) -> None:
        if request.what not in REQUESTS:
            raise Forbidden(f"{request.what} cannot be requested: one of {', '.join(REQUESTS)}")
        duty, _, keys = REQUESTS[request.what]
        if request.duty != duty:
            raise Forbidden(f"a request of {request.what} exercises the duty {duty}")
        absent = [key for key in keys if request.subject.get(key) in (None, "")]
        if absent or not request.object_hash:
            raise Forbidden(f"a request of {request.what} names {', '.join(keys)} and the hash of what it is about")
        if request.amount is None:
            if request.what not in WITHOUT_AMOUNT:
                raise Forbidden(f"a request of {request.what} states the amount at stake and its currency")
        elif request.amount < 0 or not request.currency or request.amount_usd is None:
            raise Forbidden("the amount at stake is positive, has a currency, and is known in US dollars")
        elif not request.account_id and request.what not in WITHOUT_AMOUNT:
            raise Forbidden("money at stake has a customer: exposure is counted by customer")
        elif request.amount_usd < 0 or (request.currency == "USD" and request.amount_usd != request.amount):
            raise Forbidden("the amount in US dollars is not the amount at stake")
        if request.expires_on is not None and request.expires_on < request.recorded_on:
            raise Forbidden(f"{request.expires_on} is over already")
        if request.what == "waiver":
            self._judge_waiver(request)

    def _judge_waiver(self, request: NewDecision) -> None:
        last = request.recorded_on + timedelta(LONGEST_EXCEPTION_DAYS)
        if request.expires_on is None or request.expires_on > last:
            raise Forbidden(f"a waiver ends within {LONGEST_EXCEPTION_DAYS} days: by {last}")
        if request.object_hash != request.subject["row_hash"]:
            raise Forbidden("a waiver is bound to the violation's row hash")
        try:
            stated = signed_amount(request.subject)
        except ValueError as error:
            raise Forbidden(str(error)) from error
        if (None if stated is None else abs(stated)) != request.amount:
            raise Forbidden("the amount at stake is not that of the violation")
        control = control_of(request)
        known = self._controls.get(str(request.subject["exception_id"]), control)
        if control is None or owner_of(control) is None or known != control:
            raise Forbidden("a waiver names the control of its exception: control:<control id>")

    def exposure(self, request: NewDecision, as_of: date) -> Decimal | None:
        """Cumulative US dollars at stake with this request; None where it states no amount."""
        if request.amount_usd is None:
            return None
        number = request.decision_no if isinstance(request, Decision) else None
        others = [
            _stake(ask.request)
            for no, ask in self.asks.items()
            if no != number and ask.request.amount_usd is not None and ask.is_at_stake(as_of)
        ]
        return exposure(_stake(request), others, as_of)

    def wanted(self, ask: Ask, as_of: date) -> tuple[str, ...]:
        """The roles that must approve the request, one person each, by its exposure on `as_of`."""
        if ask.request.what == "period_reopen":
            return REOPEN_ROLES
        return needed(self.exposure(ask.request, as_of), as_of)

    def still_wanted(self, ask: Ask, as_of: date) -> tuple[str, ...]:
        """Of the roles wanted, those that no approval given so far fills: the highest places are filled first."""
        return open_places([str(approval.role) for approval, _ in ask.approvals], self.wanted(ask, as_of))

    # -- answers -----------------------------------------------------------------------------------------------

    def _judge_answer(self, answer: NewDecision) -> Ask:
        ask = self.asks.get(answer.request_no or 0)
        if ask is None:
            raise Forbidden(f"{answer.request_no} is no request that counts")
        if answer.what != ask.request.what or answer.subject != answer_subject(ask.request):
            raise Forbidden(f"the answer is bound to another request than {ask.request.decision_no}")
        if ask.ended:
            raise Forbidden(f"request {ask.request.decision_no} is {ask.ended}")
        if any(answer.actor == given.actor for given, _ in ask.approvals):
            raise Forbidden(f"{answer.actor} has answered request {ask.request.decision_no} already")
        return ask

    def _judge_approve(self, answer: NewDecision) -> None:
        ask = self._judge_answer(answer)
        self._check_duty_of_answer(ask, answer)
        state = ask.state(answer.recorded_on)
        if state != "open":
            raise Forbidden(f"request {ask.request.decision_no} is {state}")
        if answer.object_hash != ask.request.object_hash:
            raise Forbidden(f"what request {ask.request.decision_no} is about has changed since: ask again")
        people = _people(answer)
        if people & ask.people:
            raise Forbidden("maker is not checker: the request is of the same person")
        if any(people & others for _, others in ask.approvals):
            raise Forbidden("each approval is of another person: this one has approved already")
        if ask.request.what == "waiver":
            self._check_owner(ask, people)
        places = self.still_wanted(ask, answer.recorded_on)
        if not any(suffices(answer.role, place) for place in places):
            at_stake = self.describe_exposure(ask, answer.recorded_on)
            raise Forbidden(f"{answer.role} may not approve this: it needs {_either(places)}; {at_stake}")

    def _check_owner(self, ask: Ask, people: frozenset[str]) -> None:
        """Who owns a control does not waive it."""
        control = str(control_of(ask.request))
        roles = OWNER_ROLES.get(str(owner_of(control)), frozenset())
        for name in sorted(people):
            held = self.users.named(name).roles & roles
            if held:
                raise Forbidden(f"{control} is owned by {owner_of(control)}: a {min(held)} of it may not waive it")

    def _judge_reject(self, answer: NewDecision) -> None:
        ask = self._judge_answer(answer)
        self._check_duty_of_answer(ask, answer)
        if _people(answer) & ask.people:
            raise Forbidden("who asked withdraws a request; rejecting is for another person")

    def _check_duty_of_answer(self, ask: Ask, answer: NewDecision) -> None:
        if answer.duty != REQUESTS[ask.request.what][1]:
            raise Forbidden(f"answering a request of {ask.request.what} exercises {REQUESTS[ask.request.what][1]}")

    def _judge_withdraw(self, answer: NewDecision) -> None:
        ask = self._judge_answer(answer)
        if not _people(answer) & ask.people:
            raise Forbidden("a request is withdrawn by who asked")

    def _judge_hold(self, hold: NewDecision) -> None:
        if hold.what not in HOLD_LEVELS or hold.subject.get("level") != hold.what or not hold.subject.get("key"):
            raise Forbidden(f"a hold has a level ({', '.join(HOLD_LEVELS)}) and a key")

    def _judge_release(self, release: NewDecision) -> None:
        hold = self.holds.get(release.request_no or 0)
        if hold is None or hold.decision_no in self.released:
            raise Forbidden(f"{release.request_no} is no standing hold")
        if release.duty != Duty.INVOICE_RELEASE or release.subject != answer_subject(hold):
            raise Forbidden(f"the release is bound to another hold than {hold.decision_no}")

    def _judge_sign(self, sign: NewDecision) -> None:
        if sign.what not in SIGNED_DUTIES or sign.duty != sign.what:
            raise Forbidden(f"{sign.what} is not signed for: it is requested or approved")
        own = [link for link in sign.links if not link.startswith((_COMPENSATING, "release:"))]
        kind = NEEDS_LINK.get(Duty(sign.what))
        if not (any(link.startswith(f"{kind}:") for link in sign.links) if kind else own):
            raise Forbidden(f"{sign.what} names what it touched: at least one key {kind or 'contract'}:...")

    # -- duty pairs --------------------------------------------------------------------------------------------

    def _check_pairs(self, deed: Deed, decision: NewDecision | None = None) -> None:
        earlier = [before for person in sorted(deed.people) for before in self._deeds[person]]
        for conflict in conflicts(deed, earlier):
            if conflict.severity is Severity.HIGH:
                raise Forbidden(str(conflict))
            if decision is None or not _is_compensated(decision):
                raise Forbidden(
                    f"{conflict}; it is allowed under a compensating control for up to {LONGEST_EXCEPTION_DAYS} days"
                )

    # -- applying ----------------------------------------------------------------------------------------------

    def _apply(self, decision: Decision) -> None:
        self._note(decision.actor, decision.recorded_on)
        deed = _deed(decision)
        if deed is not None:
            self._remember(deed)
        ask = self.asks.get(decision.request_no or 0)
        if decision.decision == "request":
            self.asks[decision.decision_no] = Ask(decision, _people(decision))
        elif decision.decision == "hold":
            self.holds[decision.decision_no] = decision
        elif decision.decision == "release":
            self.released[decision.request_no or 0] = decision
        elif ask is not None and decision.decision == "approve":
            ask.approvals.append((decision, _people(decision)))
            if not self.still_wanted(ask, decision.recorded_on):
                ask.approved_on = decision.recorded_on
        elif ask is not None:
            ask.ended = "rejected" if decision.decision == "reject" else "withdrawn"

    def _remember(self, deed: Deed) -> None:
        for person in deed.people:
            self._deeds[person].append(deed)

    def _note(self, actor: str, day: date) -> None:
        self._last_day = max(self._last_day, day)
        self.last_acted[actor] = day

    # -- telling -----------------------------------------------------------------------------------------------

    def describe(self, ask: Ask, as_of: date) -> str:
        """What the request still needs, in words."""
        state = ask.state(as_of)
        if state != "open":
            return state
        places = self.still_wanted(ask, as_of)
        return f"needs {_either(places)}; {self.describe_exposure(ask, as_of)}"

    def describe_exposure(self, ask: Ask, as_of: date) -> str:
        usd = self.exposure(ask.request, as_of)
        return "exposure unknown" if usd is None else f"exposure {usd:,.2f} USD in 30 days"


def answer_subject(asked: Decision) -> dict[str, Json]:
    """What an answer is about: the row it answers, as it stands. Copied to another row, it answers nothing."""
    return {"decision_no": asked.decision_no, "row_hash": asked.row_hash}


def control_of(request: NewDecision) -> str | None:
    """The control that a waiver is of, from its chain keys."""
    named = [link.removeprefix("control:") for link in request.links if link.startswith("control:")]
    return named[0] if len(named) == 1 else None


def compensating_link(control_id: str, until: date) -> str:
    """How a compensating control stands among the chain keys of the decision it allowed."""
    return f"{_COMPENSATING}{control_id}/{until.isoformat()}"


def _is_compensated(decision: NewDecision) -> bool:
    """Whether a control of the catalogue watches over the decision, for a time that the decision does not outlive."""
    for link in decision.links:
        control, _, day = link.removeprefix(_COMPENSATING).partition("/")
        if not link.startswith(_COMPENSATING) or owner_of(control) is None:
            continue
        try:
            until = date.fromisoformat(day)
        except ValueError:
            continue
        ends = decision.expires_on or (until if decision.decision != "request" else None)
        if ends and ends <= until <= decision.recorded_on + timedelta(LONGEST_EXCEPTION_DAYS):
            return until >= decision.recorded_on
    return False


def _duty(decision: NewDecision) -> Duty | None:
    try:
        return Duty(decision.duty) if decision.duty is not None else None
    except ValueError as error:
        raise Forbidden(f"{decision.duty} is no duty") from error


def _people(decision: NewDecision) -> frozenset[str]:
    """Everybody whose hands a decision is: the actor, and whom the actor stood in for or is owned by."""
    return frozenset({decision.actor, decision.on_behalf_of or decision.actor})


def _deed(decision: NewDecision) -> Deed | None:
    """The decision as a deed. Asking for a waiver, holding, withdrawing and rejecting let nothing out."""
    duty = _duty(decision)
    if duty is None or decision.decision in ("hold", "withdraw", "reject"):
        return None
    account = {f"account:{decision.account_id}"} if decision.account_id else set()
    named = str(decision.decision_no) if isinstance(decision, Decision) else ""
    return Deed(duty, _people(decision), frozenset(decision.links) | account, f"decision {named}".strip())


def _stake(request: NewDecision) -> Stake:
    return Stake(
        request.what,
        request.account_id,
        item_of(request.what, request.subject),
        request.amount_usd or Decimal(0),
        request.recorded_on,
    )


def _either(places: tuple[str, ...]) -> str:
    """Roles wanted, in words: one approval by a team lead or higher."""
    words = [f"{_article(place)} {place.replace('_', ' ')}" for place in places]
    words = [word if place == RANKS[-1] else f"{word} or higher" for word, place in zip(words, places, strict=True)]
    if len(places) == 1:
        return f"one approval by {words[0]}"
    return f"{len(places)} approvals: {', '.join(f'one by {word}' for word in words)}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
