"""Keys as text: long, random, and easy to recognise where one has been left by mistake.

A key is `qbk_`, forty random letters and digits, and a checksum of six: a scanner for secrets finds it by
`qbk_[0-9A-Za-z]{46}`, and tells it from what only looks like one by the checksum.
"""

import hashlib
import secrets
import string
import zlib

PREFIX = "qbk_"
# 62 ** 40 are 238 bits: nobody guesses one.
RANDOM_LETTERS = 40
# The least that holds 32 bits.
CHECKSUM_LETTERS = 6
HASH_PREFIX = "sha256:"

_LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_LENGTH = len(PREFIX) + RANDOM_LETTERS + CHECKSUM_LETTERS


def new_key() -> str:
    """Return a key that nobody has."""
    secret = PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(RANDOM_LETTERS))
    return secret + _checksum(secret)


def is_key(text: str) -> bool:
    """Say whether a text has the form of a key, checksum included."""
    if len(text) != _LENGTH or not text.startswith(PREFIX) or not text.isascii():
        return False
    return text[-CHECKSUM_LETTERS:] == _checksum(text[:-CHECKSUM_LETTERS])


def hash_of(key: str) -> str:
    """Return what is kept of a key.

    One round of SHA-256 is enough: slow hashes protect what people choose, and nobody finds 238 random bits by trying.
    It is needed at each request, and a slow one would let strangers keep the server busy.
    """
    return HASH_PREFIX + hashlib.sha256(key.encode()).hexdigest()


def _checksum(text: str) -> str:
    number, letters = zlib.crc32(text.encode()), ""
    for _ in range(CHECKSUM_LETTERS):
        number, digit = divmod(number, len(_LETTERS))
        letters = _LETTERS[digit] + letters
    return letters
