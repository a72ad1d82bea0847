"""Looks at what listens at a broker's address, once a client has failed there without being told why.

The client tells neither that a listener wants TLS, nor what is wrong with a certificate.
"""

import socket
import ssl
from collections.abc import Mapping

_SECONDS = 3.0
_DEFAULT_PORT = 9092
# OpenSSL's numbers of what can be wrong with a certificate.
_EXPIRED, _WRONG_HOST, _WRONG_ADDRESS = 10, 62, 64
_TO_DO = {
    _EXPIRED: "renew it on the broker",
    _WRONG_HOST: "use a name that stands in it in bootstrap_servers and advertised.listeners",
    _WRONG_ADDRESS: "use a name that stands in it in bootstrap_servers and advertised.listeners",
}
_TO_TRUST = "set ssl.ca.location in the setting kafka to the authority that signed it"


def fault_of_listener(servers: str, options: Mapping[str, object]) -> str | None:
    """Return why a client with these options can't talk to who listens at an address, and what to do about it.

    None if nobody listens there, or nothing is to be seen. Takes a few seconds at most for each address.

    Args:
        servers: as in the setting `bootstrap_servers`.
        options: the setting `kafka`.
    """
    for server in servers.split(","):
        if fault := _fault(*_address(server.strip()), options):
            return fault
    return None


def is_listening(servers: str) -> bool:
    """Return whether somebody takes connections at one of the addresses."""
    return any(_takes_connections(*_address(server.strip())) for server in servers.split(","))


def _takes_connections(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), _SECONDS).close()
    except OSError:
        return False
    return True


def _fault(host: str, port: int, options: Mapping[str, object]) -> str | None:
    protocol = str(options.get("security.protocol", "plaintext")).upper()
    if "SSL" not in protocol:
        if not _speaks_tls(host, port):
            return None
        wanted = "SASL_SSL" if "SASL" in protocol else "SSL or SASL_SSL"
        return f"{host}:{port} wants TLS; set security.protocol to {wanted} in the setting kafka"
    fault = _certificate_fault(host, port, options)
    if fault is None and protocol == "SSL" and _speaks_tls(host, port):
        return (
            f"{host}:{port} speaks TLS and ends the connection; if it wants a user, set security.protocol to SASL_SSL, "
            "and sasl.* in the setting kafka"
        )
    return fault


def _certificate_fault(host: str, port: int, options: Mapping[str, object]) -> str | None:
    if str(options.get("enable.ssl.certificate.verification", "true")).lower() == "false":
        return None
    try:
        _shake_hands(host, port, _verifying(options))
    except ssl.SSLCertVerificationError as error:
        todo = _TO_DO.get(error.verify_code, _TO_TRUST)
        return f"the certificate of {host}:{port} is not accepted: {error.verify_message.rstrip('.')}; {todo}"
    except (OSError, ValueError):
        return None
    return None


def _speaks_tls(host: str, port: int) -> bool:
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname = False
    anything.verify_mode = ssl.CERT_NONE
    try:
        _shake_hands(host, port, anything)
    except (OSError, ValueError):
        return False
    return True


def _verifying(options: Mapping[str, object]) -> ssl.SSLContext:
    authority, text = options.get("ssl.ca.location"), options.get("ssl.ca.pem")
    context = ssl.create_default_context(
        cafile=str(authority) if authority else None, cadata=str(text) if text else None
    )
    context.check_hostname = str(options.get("ssl.endpoint.identification.algorithm", "https")).lower() != "none"
    return context


def _shake_hands(host: str, port: int, context: ssl.SSLContext) -> None:
    with (
        socket.create_connection((host, port), _SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=host),
    ):
        return


def _address(server: str) -> tuple[str, int]:
    """Return host and port of `host:port`, which may begin with a protocol, as the client takes it."""
    host, _, port = server.rpartition("://")[2].rpartition(":")
    if not port.isdecimal():
        return server, _DEFAULT_PORT
    return host.strip("[]"), int(port)
