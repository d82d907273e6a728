"""How an entry names what it pays: the keys in its texts, whatever blanks, dashes and zeros a bank puts between.

Belongs here: spelling only. What a name settles belongs to `ladder`.
"""

import re
from collections.abc import Iterable

# A document number or trace id is broken into at most this many words by a bank (US01-INV-000007 has three).
_WORDS = 4
# A shorter text stands in narratives by chance; as the whole of a reference field any length counts.
_TELLING = 6
_WORD = re.compile(r"[0-9A-Z]+")
_STRUCTURED = re.compile(r"RF([0-9]{2})([0-9A-Z]{1,21})")
# What a document number looks like (entity, kind, six digits), whether or not it is known yet.
_NUMBER = re.compile(r"[0-9A-Z]{2,12}(INV|CM)[0-9]{6}")
_AWS = frozenset({"AWS", "AMAZON"})


def key(text: str | None) -> str:
    """The one spelling of a reference: letters and digits in upper case; a number without leading zeros."""
    squeezed = "".join(_WORD.findall((text or "").upper()))
    return squeezed.lstrip("0") if squeezed.isdigit() else squeezed


def keys(fields: Iterable[str | None], text: str | None = None) -> frozenset[str]:
    """Every key that reference fields or a free text may name."""
    found = set()
    for field in fields:
        whole = key(field)
        found |= {whole, _payload(whole)} | _in_text(field)
    return frozenset((found | _in_text(text)) - {""})


def names_a_document(*texts: str | None) -> bool:
    """Whether a text holds something spelt like a document number: it speaks of that document and of no other."""
    return any(_NUMBER.fullmatch(candidate) for text in texts for candidate in _in_text(text))


def mentions_aws(*texts: str | None) -> bool:
    """Whether a text says that AWS is the payer."""
    return any(_AWS & set(_WORD.findall((text or "").upper())) for text in texts)


def _in_text(text: str | None) -> set[str]:
    words = _WORD.findall((text or "").upper())
    runs = (words[at : at + count] for count in range(1, _WORDS + 1) for at in range(len(words) - count + 1))
    found = {key("".join(run)) for run in runs}
    found |= {_payload(candidate) for candidate in found}
    return {candidate for candidate in found if len(candidate) >= _TELLING}


def _payload(candidate: str) -> str:
    """What a creditor reference (ISO 11649, RF and two check digits) carries; blank where it is none."""
    match = _STRUCTURED.fullmatch(candidate)
    if not match:
        return ""
    digits = "".join(str(int(character, 36)) for character in f"{match[2]}RF{match[1]}")
    return match[2] if int(digits) % 97 == 1 else ""
