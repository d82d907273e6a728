"""What people read about people: users, possible conflicts, what waits for whom. One line each; writes nothing."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations

from billing_assets.access.decided import holds_of, standing
from billing_assets.access.duties import ACCESS_ADMIN, ROLES
from billing_assets.access.extract import state_of
from billing_assets.access.pairs import Severity, severity
from billing_assets.access.standing import Standing
from billing_assets.access.users import SERVICE, User
from billing_assets.ledger import Ledger

# A quarter's review looks a month ahead, so that nobody is locked out between two of them.
_EXPIRES_SOON = timedelta(days=30)
# A user who decided nothing for a quarter probably needs no access.
_UNUSED = timedelta(days=90)


def users(ledger: Ledger, as_of: date) -> list[str]:
    """One line a user."""
    at = standing(ledger, as_of)
    lines = []
    for user in at.users.all.values():
        owner = f", service account of {user.owner}" if user.kind == SERVICE else ""
        state = "" if user.is_active else ", disabled"
        lines.append(f"{user.user_id}: {', '.join(sorted(user.roles)) or 'no role'}{owner}{state}")
    lines += [
        f"{lent.taker} acts as {lent.role} of {lent.giver} through {lent.until}"
        for lent in at.users.delegations
        if lent.until >= as_of
    ]
    return lines


def potential(ledger: Ledger, as_of: date, user_id: str | None = None) -> list[str]:
    """Users whose roles would let them do both sides of a high pair. They are refused when they do both."""
    at = standing(ledger, as_of)
    return [
        line for user in at.users.all.values() if user.is_active and user_id in (None, user.user_id)
        for line in _potential(at, user, as_of)
    ]  # fmt: skip


def _potential(at: Standing, user: User, as_of: date) -> list[str]:
    roles = {capacity.role for capacity in at.users.capacities(user, as_of)}
    held = sorted({duty for role in roles for duty in ROLES[role]})
    pairs = [f"{one} and {other}" for one, other in combinations(held, 2) if severity(one, other) is Severity.HIGH]
    return [f"{user.user_id} may do both {pair}: not on one chain" for pair in pairs]


def review(ledger: Ledger, as_of: date) -> list[str]:
    """What an access review looks at, most serious first."""
    at = standing(ledger, as_of)
    lines = [f"access change {number} counts for nothing: {why}" for number, why in at.void_access.items()]
    lines += [f"decision {number} counts for nothing: {why}" for number, why in at.void.items()]
    active = [user for user in at.users.all.values() if user.is_active]
    if sum(ACCESS_ADMIN in user.roles for user in active) == 1:
        lines.append("there is one access admin: without their token nobody can give another")
    lines += potential(ledger, as_of)
    for user in active:
        last = at.last_acted.get(user.name)
        if last is None:
            lines.append(f"{user.user_id} has never acted")
        elif last < as_of - _UNUSED:
            lines.append(f"{user.user_id} acted last on {last}")
        for token_id, token in user.tokens.items():
            if not token.is_revoked and as_of <= token.expires_on <= as_of + _EXPIRES_SOON:
                lines.append(f"{user.user_id}: token {token_id} expires on {token.expires_on}")
    return lines


def waiting(ledger: Ledger, as_of: date) -> list[str]:
    """Open requests and standing holds, and whom each waits for."""
    at = standing(ledger, as_of)
    lines = []
    for number, ask in at.asks.items():
        if ask.state(as_of) == "open":
            asked = ask.request
            money = f" {asked.amount:,.2f} {asked.currency}" if asked.amount is not None else ""
            lines.append(f"{number} {asked.what}{money} by {asked.actor}: {at.describe(ask, as_of)}. {asked.reason}")
    lines += [
        f"{hold.hold_no} hold of {hold.level} {hold.key} by {hold.actor}: needs a release. {hold.reason}"
        for hold in holds_of(at, as_of)
    ]
    return lines


def decisions(ledger: Ledger, as_of: date) -> list[str]:
    """Every decision, in order."""
    record = ledger.people()
    at = Standing.of(record, as_of)
    lines = []
    for decision in record.decisions:
        if decision.recorded_on <= as_of:
            answered = f" of {decision.request_no}" if decision.request_no else ""
            state = state_of(at, decision, as_of)
            lines.append(
                f"{decision.decision_no} {decision.recorded_on} {decision.decision}{answered} {decision.what} "
                f"by {decision.actor}: {state}. {decision.reason}"
            )
    return lines
