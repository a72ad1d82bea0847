"""Host names and addresses: which a server listens on, and by which it may be called."""

import ipaddress
import re
from collections.abc import Collection

# The port behind a name or an address.
_PORT = re.compile(r":[0-9]*$")


def is_loopback(listening: str) -> bool:
    """Say whether nobody but this machine reaches what listens there.

    Args:
        listening: a name or an address. A name other than `localhost` may lead anywhere, and so does an empty one.
    """
    name = listening.strip("[]").lower()
    if name == "localhost":
        return True
    address = _address(name)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address is not None and address.is_loopback


def is_own_host(host: str, own: Collection[str]) -> bool:
    """Say whether a Host header names a server.

    Addresses do, and so does `localhost`: a page elsewhere that gives its own name this server's address can use
    neither.

    Args:
        host: the header: a name or an address, with or without a port.
        own: the server's names; ``*`` allows all.
    """
    name = _PORT.sub("", host).strip("[]").rstrip(".").lower()
    known = {"localhost", *(one.lower() for one in own)}
    return "*" in known or name in known or name.endswith(".localhost") or _address(name) is not None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
