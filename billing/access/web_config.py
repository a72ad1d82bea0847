"""The web config file, as prometheus/exporter-toolkit defines it: what it says, and what is wrong with it.

Keys, meaning and defaults are the toolkit's. What this says no more of: which files and certificates are good.
docs/access.md tells where the two differ.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from billing.access.fields import Fields
from billing.access.go_text import CIPHER_SUITES, CURVES, HTTP2_CIPHER_SUITES, TLS_VERSIONS, parse_duration
from billing.access.strict_yaml import read_text_yaml

# What each header may be; none given: anything.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
_BCRYPT = re.compile(r"\$2[abxy]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_HEADER_TEXT = re.compile(r"[\t\x20-\x7e]*")


class ClientAuth(StrEnum):
    """Whether a client shows a certificate."""

    NONE = "NoClientCert"
    """None is asked for."""

    REQUEST = "RequestClientCert"
    """One is asked for, and makes no difference."""

    REQUIRE_ANY = "RequireAnyClientCert"
    """Any at all, whoever has made it."""

    VERIFY_IF_GIVEN = "VerifyClientCertIfGiven"
    """None, or one that the client CA has signed."""

    REQUIRE_AND_VERIFY = "RequireAndVerifyClientCert"
    """One that the client CA has signed."""


_CLIENT_AUTH = {
    "": ClientAuth.NONE,
    "RequireClientCert": ClientAuth.REQUIRE_ANY,
    **{str(one): one for one in ClientAuth},
}


@dataclass(frozen=True)
class TlsConfig:
    """`tls_server_config`: of each pair of a text and a file, the file counts.

    Args:
        cert_file: of the server's certificate and those between it and its CA, PEM.
        key_file: of its private key, PEM.
        cert: the same in the file itself.
        key: the same in the file itself.
        client_auth: whether a client shows a certificate.
        client_ca_file: of the CAs whose clients are let in, PEM; without, those that the system trusts.
        client_ca: the same in the file itself.
        client_allowed_sans: one of these names a client's certificate must have; None: any.
        min_version: the oldest version of TLS, of `TLS_VERSIONS`.
        max_version: the newest.
        cipher_suites: for TLS up to 1.2; none: all of `CIPHER_SUITES`.
        curves: none: those of OpenSSL.
    """

    cert_file: str = ""
    key_file: str = ""
    cert: str = ""
    key: str = field(default="", repr=False)
    client_auth: ClientAuth = ClientAuth.NONE
    client_ca_file: str = ""
    client_ca: str = ""
    client_allowed_sans: tuple[str, ...] | None = None
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it names."""
        return tuple(one for one in (self.cert_file, self.key_file, self.client_ca_file) if one)


@dataclass(frozen=True)
class RateLimit:
    """`rate_limit`: a token every so many seconds, and so many at once."""

    interval_seconds: float
    burst: int


@dataclass(frozen=True)
class WebConfig:
    """A web config file.

    Args:
        tls: None: plain HTTP.
        headers: of every answer.
        users: the bcrypt hash of each one's password; none: nobody is asked.
        rate_limit: None: there is none.
    """

    tls: TlsConfig | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    rate_limit: RateLimit | None = None


def parse_web_config(text: str) -> WebConfig:
    """Return what a web config file says.

    Raises:
        ValueError: it cannot be used; the message names the key and repeats no secret.
    """
    top = Fields("", read_text_yaml(text))
    tls, http = top.inner("tls_server_config"), top.inner("http_server_config")
    rate, users = top.inner("rate_limit"), top.texts_by_name("basic_auth_users")
    top.refuse_others()
    has_http2, headers = http.flag("http2", True), http.texts_by_name("headers")
    http.refuse_others()
    _check_headers(headers)
    _check_users(users)
    config = _tls_config(tls)
    if config is not None:
        _check_http2(config, has_http2)
    return WebConfig(config, headers, users, _rate_limit(rate))


def _tls_config(tls: Fields) -> TlsConfig | None:
    """Return how TLS is spoken; None where it isn't."""
    config = TlsConfig(
        cert_file=tls.text("cert_file"),
        key_file=tls.text("key_file"),
        cert=tls.text("cert"),
        key=tls.text("key"),
        client_auth=tls.choice("client_auth_type", _CLIENT_AUTH, ""),
        client_ca_file=tls.text("client_ca_file"),
        client_ca=tls.text("client_ca"),
        client_allowed_sans=tls.texts("client_allowed_sans"),
        min_version=tls.choice("min_version", dict(zip(TLS_VERSIONS, TLS_VERSIONS, strict=True)), "TLS12"),
        max_version=tls.choice("max_version", dict(zip(TLS_VERSIONS, TLS_VERSIONS, strict=True)), "TLS13"),
        cipher_suites=tls.choices("cipher_suites", CIPHER_SUITES),
        curves=tls.choices("curve_preferences", CURVES),
    )
    # OpenSSL, as Go, goes by its own order.
    tls.flag("prefer_server_cipher_suites", True)
    tls.refuse_others()
    given = tls.given("cert_file", "key_file", "cert", "key", "client_auth_type", "client_ca_file", "client_ca")
    if not given:
        if config.client_allowed_sans is not None:
            raise ValueError("tls_server_config: client_allowed_sans is of no use without cert_file and key_file")
        return None
    _check_tls(config)
    return config


def _check_tls(config: TlsConfig) -> None:
    where = "tls_server_config: "
    if not config.cert_file and not config.cert:
        raise ValueError(f"{where}missing one of cert or cert_file")
    if not config.key_file and not config.key:
        raise ValueError(f"{where}missing one of key or key_file")
    asks = config.client_auth is not ClientAuth.NONE
    if (config.client_ca_file or config.client_ca) and not asks:
        raise ValueError(f"{where}client_ca_file needs client_auth_type: RequireAndVerifyClientCert")
    if config.client_allowed_sans is not None and not asks:
        raise ValueError(f"{where}client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert")
    if TLS_VERSIONS.index(config.min_version) > TLS_VERSIONS.index(config.max_version):
        raise ValueError(f"{where}min_version {config.min_version} is newer than max_version {config.max_version}")


def _check_http2(config: TlsConfig, has_http2: bool) -> None:
    """Refuse what an HTTP/2 server must not be, though none is here: one file serves all exporters alike."""
    named = set(config.cipher_suites)
    if has_http2 and named and config.min_version != "TLS13" and not named & HTTP2_CIPHER_SUITES:
        needed = " or ".join(sorted(HTTP2_CIPHER_SUITES))
        raise ValueError(f"tls_server_config: cipher_suites lacks {needed}, which http2 needs; or set http2: false")


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        where = f"http_server_config: headers: {name[:60]}"
        allowed = HEADERS.get(name)
        if allowed is None:
            raise ValueError(f"{where} can not be set; those that can are {', '.join(HEADERS)}")
        if allowed and value not in allowed:
            raise ValueError(f"{where} must be {' or '.join(allowed)}")
        if not _HEADER_TEXT.fullmatch(value):
            raise ValueError(f"{where} holds a character that no header may have")


def _check_users(users: Mapping[str, str]) -> None:
    for name, password_hash in users.items():
        if not _BCRYPT.fullmatch(password_hash):
            raise ValueError(f"basic_auth_users: what stands for {name[:60]!r} is no bcrypt hash, $2y$10$...")


def _rate_limit(rate: Fields) -> RateLimit | None:
    text, burst = rate.text("interval") or "0", rate.number("burst", 0)
    rate.refuse_others()
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise ValueError(f"rate_limit: interval: {error}") from None
    return RateLimit(seconds, burst) if seconds > 0 else None
