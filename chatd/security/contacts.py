"""Where people can be reached: a mail address (RFC 6068's mailto:) or a telephone number (RFC
3966's tel:), checked and put into one form. Nothing is looked up anywhere."""

from __future__ import annotations

import re

_WRITTEN = re.compile(r"\+[0-9 ()./-]+")


class BadContact(ValueError):
    """It is no contact; the sentence says why."""


def contact(raw: str) -> str:
    """`mailto:` with the address as mail takes it, or `tel:` with the number as E.164. BadContact.

    The libraries are loaded when they are first needed: they take a while.
    """
    scheme, _, rest = raw.partition(":")
    if scheme == "mailto":
        return f"mailto:{_address(rest)}"
    if scheme == "tel":
        return f"tel:{_number(rest)}"
    raise BadContact("A contact is mailto: and an address, or tel: and a number.")


def _address(raw: str) -> str:
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415

    try:
        found = validate_email(raw, check_deliverability=False, strict=True)
    except EmailNotValidError as wrong:
        raise BadContact(f"This is no mail address: {wrong}") from None
    return found.ascii_email or found.normalized


def _number(raw: str) -> str:
    import phonenumbers  # noqa: PLC0415

    try:
        number = phonenumbers.parse(raw, None) if _WRITTEN.fullmatch(raw) else None
    except phonenumbers.NumberParseException:
        number = None
    if number is None or number.extension or not phonenumbers.is_valid_number(number):
        raise BadContact(
            "This is no telephone number: write all of it, with + and the country's, +4930901820."
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
