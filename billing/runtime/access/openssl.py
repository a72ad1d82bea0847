"""What OpenSSL can do and Python's `ssl` has no name for: taking any client certificate, and several curves.

The functions are those of the very library that `ssl` uses, and they are called on the very object that an
`ssl.SSLContext` holds. Where that object lies is known for the releases of CPython that are named here. Before
anything is changed, it is asked for what the context says of itself; if the two do not agree, nothing is changed.
"""

import ctypes
import ssl
import sys
from typing import Any

_RELEASES = ((3, 11), (3, 12), (3, 13), (3, 14))
_SET_GROUPS_LIST = 92
# What OpenSSL calls them: a certificate is asked for (1), and who shows none is not let in (2).
_VERIFY_MODES = {ssl.CERT_NONE: 0, ssl.CERT_OPTIONAL: 1, ssl.CERT_REQUIRED: 3}
# Any number that no context has unless it is told.
_TICKETS = 7

_Verify = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)


class NotAvailableError(Exception):
    """This Python gives no way to it."""


def _go_on(_is_verified: int, _store: int | None) -> int:
    """Go on with a certificate, whatever was found wrong with it."""
    return 1


# Kept here, as OpenSSL calls it for as long as the process runs.
_take_any = _Verify(_go_on)


def take_any_certificate(context: ssl.SSLContext) -> None:
    """Let a context that asks clients for certificates take any, whoever has made it.

    If this did nothing, the context would go on to verify them: no failure of it lets anybody in.

    Raises:
        NotAvailableError: this Python gives no way to it.
    """
    library, held = _library(), _held(context)
    library.SSL_CTX_set_verify(held, _VERIFY_MODES[context.verify_mode], _take_any)
    found = library.SSL_CTX_get_verify_callback(held)
    if found != ctypes.cast(_take_any, ctypes.c_void_p).value:
        raise NotAvailableError


def keep_to_curves(context: ssl.SSLContext, names: tuple[str, ...]) -> None:
    """Let a context use these curves and no others.

    Args:
        context: not used yet.
        names: as OpenSSL has them.

    Raises:
        NotAvailableError: this Python gives no way to it.
    """
    if len(names) == 1:
        context.set_ecdh_curve(names[0])
    elif _library().SSL_CTX_ctrl(_held(context), _SET_GROUPS_LIST, 0, ":".join(names).encode()) != 1:
        raise NotAvailableError


def _library() -> Any:
    """Return OpenSSL as `ssl` has loaded it.

    Raises:
        NotAvailableError: it cannot be reached.
    """
    import _ssl  # what `ssl` itself is built on

    file = getattr(_ssl, "__file__", None)
    if sys.implementation.name != "cpython" or sys.version_info[:2] not in _RELEASES or file is None:
        raise NotAvailableError
    try:
        library = ctypes.CDLL(file)
        _declare(library)
    except (OSError, AttributeError):
        raise NotAvailableError from None
    return library


def _declare(library: Any) -> None:
    pointer = ctypes.c_void_p
    for name, result, arguments in (
        ("SSL_CTX_get_num_tickets", ctypes.c_size_t, [pointer]),
        ("SSL_CTX_get_verify_mode", ctypes.c_int, [pointer]),
        ("SSL_CTX_set_verify", None, [pointer, ctypes.c_int, _Verify]),
        ("SSL_CTX_get_verify_callback", pointer, [pointer]),
        ("SSL_CTX_ctrl", ctypes.c_long, [pointer, ctypes.c_int, ctypes.c_long, ctypes.c_char_p]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


def _held(context: ssl.SSLContext) -> ctypes.c_void_p:
    """Return the object of OpenSSL that a context holds: the first thing behind what every Python object has.

    Raises:
        NotAvailableError: it says something else of itself than the context.
    """
    library, before = _library(), context.num_tickets
    held = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    if not held.value:
        raise NotAvailableError
    context.num_tickets = _TICKETS
    is_same = library.SSL_CTX_get_num_tickets(held) == _TICKETS
    context.num_tickets = before
    if not is_same or library.SSL_CTX_get_verify_mode(held) != _VERIFY_MODES[context.verify_mode]:
        raise NotAvailableError
    return held
