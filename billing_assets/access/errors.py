"""What people are refused, each with the rule that refuses it."""

from billing_assets.errors import OperatorError


class Forbidden(OperatorError):
    """A rule about people refuses what was asked. Nothing was written."""


class NotAuthenticated(OperatorError):
    """The token is none of this ledger's, was taken back, or has expired."""


class MissingRate(OperatorError):
    """An amount cannot be stated in US dollars, so that nobody knows who may approve it."""
