"""Makes what TLS is spoken with out of a web config file: certificates loaded, clients asked for theirs."""

import ipaddress
import os
import ssl
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from billing.access.go_text import CIPHER_SUITES, CURVES
from billing.access.web_config import ClientAuth, TlsConfig
from billing.runtime.access.openssl import NotAvailableError, keep_to_curves, take_any_certificate

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_VERIFY = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.REQUEST: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRE_ANY: ssl.CERT_REQUIRED,
    ClientAuth.VERIFY_IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRE_AND_VERIFY: ssl.CERT_REQUIRED,
}
# These take a certificate from whoever has made it.
_ANY = (ClientAuth.REQUEST, ClientAuth.REQUIRE_ANY)
# OpenSSL speaks TLS 1.0 and 1.1 at no other level.
_OLD_VERSIONS = ("TLS10", "TLS11")


def make_context(config: TlsConfig, folder: Path) -> ssl.SSLContext:
    """Return what connections are taken with.

    Args:
        config: as the web config file has it.
        folder: what its files are relative to.

    Raises:
        ValueError: a certificate, a key or an option cannot be used; the message says which.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    # A renegotiation costs the server more than the client.
    context.options |= ssl.OP_NO_RENEGOTIATION
    _set_versions(context, config)
    _set_ciphers(context, config)
    _set_curves(context, config.curves)
    _load_certificate(context, config, folder)
    _ask_clients(context, config, folder)
    return context


def _set_versions(context: ssl.SSLContext, config: TlsConfig) -> None:
    with warnings.catch_warnings():
        # Whoever sets an old version has been told by the documentation.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.maximum_version = _VERSIONS[config.max_version]
        context.minimum_version = _VERSIONS[config.min_version]


def _set_ciphers(context: ssl.SSLContext, config: TlsConfig) -> None:
    named = config.cipher_suites or tuple(CIPHER_SUITES)
    ciphers = [ours for name, ours in CIPHER_SUITES.items() if ours and name in named]
    if not ciphers:
        # Suites of TLS 1.3 alone: an older version would have none.
        if config.max_version != "TLS13":
            raise ValueError(f"cipher_suites: none of these is for {config.max_version} or older")
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return
    level = 0 if config.min_version in _OLD_VERSIONS else 1
    context.set_ciphers(":".join([*ciphers, f"@SECLEVEL={level}"]))


def _set_curves(context: ssl.SSLContext, curves: tuple[str, ...]) -> None:
    """Keep to the curves that are named."""
    if not curves:
        return
    try:
        keep_to_curves(context, tuple(dict.fromkeys(CURVES[one] for one in curves)))
    except NotAvailableError:
        raise ValueError("curve_preferences: with this Python name one curve, or none") from None


def _load_certificate(context: ssl.SSLContext, config: TlsConfig, folder: Path) -> None:
    certificate = _read("cert_file", config.cert_file, config.cert, folder)
    key = _read("key_file", config.key_file, config.key, folder)
    try:
        with _as_file(certificate) as certificate_file, _as_file(key) as key_file:
            # A key with a password is refused: OpenSSL would ask for it on the terminal.
            context.load_cert_chain(certificate_file, key_file, password="")
    except (ssl.SSLError, ValueError, OSError):
        raise ValueError(
            f"{config.cert_file or 'cert'} and {config.key_file or 'key'} are not a certificate and its private key "
            "(PEM, without a password)"
        ) from None


def _ask_clients(context: ssl.SSLContext, config: TlsConfig, folder: Path) -> None:
    context.verify_mode = _VERIFY[config.client_auth]
    if context.verify_mode is ssl.CERT_NONE:
        return
    if config.client_auth in _ANY:
        try:
            take_any_certificate(context)
        except NotAvailableError:
            raise ValueError(
                f"client_auth_type: {config.client_auth}: this Python cannot take certificates without verifying them; "
                f"say {ClientAuth.REQUIRE_AND_VERIFY}, with client_ca_file"
            ) from None
    # Whoever is named in the file is trusted, be it a CA, one below a CA, or a client.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not config.client_ca_file and not config.client_ca:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    else:
        try:
            context.load_verify_locations(
                cadata=_read("client_ca_file", config.client_ca_file, config.client_ca, folder).decode("ascii")
            )
        except (ssl.SSLError, ValueError):
            raise ValueError(f"{config.client_ca_file or 'client_ca'} holds no certificate (PEM)") from None
    if config.client_allowed_sans is not None:
        context.sslobject_class = _checking_sans(frozenset(config.client_allowed_sans))


def _checking_sans(allowed: frozenset[str]) -> type[ssl.SSLObject]:
    """Return a connection that ends with the handshake unless the client's certificate has one of these names."""

    class Checked(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            if allowed.isdisjoint(_subject_alt_names(self)):
                raise ssl.SSLCertVerificationError("the client's certificate has none of client_allowed_sans")

    return Checked


def _subject_alt_names(connection: ssl.SSLObject) -> set[str]:
    """Return the names of DNS, e-mail, URI and address in the certificate that a client has shown."""
    names = set()
    shown: Any = connection.getpeercert() or {}
    for kind, value in shown.get("subjectAltName", ()):
        names.add(str(ipaddress.ip_address(value.strip())) if kind == "IP Address" else value)
    return names


def _read(name: str, file: str, text: str, folder: Path) -> bytes:
    """Return what a file holds, or the text if none is named."""
    if not file:
        return text.encode()
    try:
        return (folder / file).read_bytes()
    except OSError as error:
        raise ValueError(f"{name} {file}: {error.strerror}") from None


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Give content a name that OpenSSL can open: in memory where the system can, else one that we alone can read."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("pem")
        try:
            os.write(handle, content)
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name
