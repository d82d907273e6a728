"""The kind of error a user can act on: its message says what, which rows, and what to do. All else is a defect."""


class OperatorError(Exception):
    """Shown as one message, without a traceback."""
