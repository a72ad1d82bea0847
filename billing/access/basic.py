"""Credentials of the scheme Basic: a user's name and password, RFC 7617; and where whoever sent them is."""

import base64
import binascii
import ipaddress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BasicCredentials:
    """A user's name, and a password as it came."""

    user: str
    password: bytes = field(repr=False)


def parse_basic(text: str) -> BasicCredentials | None:
    """Return what stands behind `Basic`; None if it is nothing of that scheme."""
    try:
        user, colon, password = base64.b64decode(text, validate=True).partition(b":")
        return BasicCredentials(user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def network_of(address: str) -> str:
    """Return whom an address counts for: IPv6 gives each household a network of 2^64 addresses."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
