"""What makes two breaks the same exception: the control, the business key and the service period. Nothing else.

The amount, the code and the rows may change from day to day; the exception only grows older.
"""

from __future__ import annotations

import hashlib

# Separates the parts: it stands in no id, so ("a", "bc") and ("ab", "c") differ.
_SEPARATOR = "\x1f"
# 16 hex digits = 64 bits: among a million exceptions the chance of any two being equal is below one in 10^7.
_DIGITS = 16


def exception_id(control_id: str, business_key: str, period: str) -> str:
    """The stable id. The dbt macro exception_id (macros/controls) is its twin; a test holds them together."""
    text = _SEPARATOR.join((control_id, business_key, period))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
