"""Secrets that webhooks are signed with, as the Standard Webhooks specification writes them."""

from base64 import b64decode
from binascii import Error

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64


def parse_secret(text: str) -> bytes:
    """Return the key that a secret such as ``whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`` stands for.

    Raises:
        ValueError: it is none; the message does not show it.
    """
    wanted = f"write it as {PREFIX} and base64 of {LEAST_BYTES} to {MOST_BYTES} random bytes"
    if not text.startswith(PREFIX):
        raise ValueError(f"a webhook secret begins with {PREFIX}: {wanted}")
    try:
        key = b64decode(text[len(PREFIX) :], validate=True)
    except Error:
        raise ValueError(f"a webhook secret that is no base64: {wanted}") from None
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(f"a webhook secret of {len(key)} bytes: {wanted}")
    return key
