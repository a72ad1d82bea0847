"""Where the keys of an identity provider come from: an address or a file."""

import re
from pathlib import Path

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# An address holds nothing that two readers could take for two hosts: no user, no backslash, no space.
_HTTPS = re.compile(r"https://[A-Za-z0-9.:\[\]_-]+(/[!-~]*)?")
_LOOPBACK = re.compile(r"http://(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?(/[!-~]*)?")


def parse_source(text: str) -> str | Path:
    """Return the address, or the file, that a setting names.

    Raises:
        ValueError: it is an address that whoever is in between could answer for: not https, nor this machine.
    """
    if not _SCHEME.match(text):
        return Path(text)
    if "@" in text.split("://", 1)[1].split("/", 1)[0]:
        raise ValueError("without user name and password: keys of an identity provider are public")
    if "\\" in text or not (_HTTPS.fullmatch(text) or _LOOPBACK.fullmatch(text)):
        raise ValueError(
            "not an address that begins with https://, nor a file; http:// is taken for localhost alone, since "
            "whoever stands in between could send keys of their own"
        )
    return text


def check_source(text: str) -> str:
    """Return the text if a setting may name it; empty: nothing is named.

    Raises:
        ValueError: see :func:`parse_source`.
    """
    if text:
        parse_source(text)
    return text
