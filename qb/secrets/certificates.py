"""Certificates: an authority of the deployment's own, and what it signs for each server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Whoever trusts the authority has to be told of a new one, so it lasts.
AUTHORITY_DAYS = 7_300
# The most that browsers take is 398.
SERVER_DAYS = 397
# With so much of their time left, servers get new ones: months in which somebody may notice that they do not.
RENEWED_DAYS = 132
# Clocks differ.
_SKEW = timedelta(hours=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


def new_authority(now: datetime) -> Pair:
    """Return an authority that can sign for servers, and for nothing below it.

    Args:
        now: with a time zone.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Queryable Billing, authority of this deployment")
    builder = (
        _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def sign(authority: Pair, hosts: Sequence[str], now: datetime) -> Pair:
    """Return a certificate of a server, with a key of its own.

    Args:
        authority: who signs.
        hosts: names and addresses by which the server is called; the first stands for it.
        now: with a time zone.
    """
    above, above_key = _certificate(authority), _private_key(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name(hosts[0]), above.subject, key.public_key(), now, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(one) for one in hosts]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above_key.public_key()), critical=False)
    )
    return _pair(builder.sign(above_key, hashes.SHA256()), key)


def check_pair(pair: Pair) -> None:
    """Make sure that a certificate and a key can be read.

    Raises:
        ValueError: one is damaged.
    """
    _certificate(pair)
    _private_key(pair)


def is_authority_due(authority: Pair, now: datetime) -> bool:
    """Say whether an authority could not outlive what it signs now."""
    return _certificate(authority).not_valid_after_utc < now + timedelta(days=SERVER_DAYS)


def is_server_due(server: Pair, authority: Pair, hosts: Sequence[str], now: datetime) -> bool:
    """Say whether a server needs another certificate: its time is nearly over, or authority or names have changed."""
    certificate = _certificate(server)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    try:
        certificate.verify_directly_issued_by(_certificate(authority))
    except (InvalidSignature, ValueError):
        return True
    is_old = certificate.not_valid_after_utc < now + timedelta(days=RENEWED_DAYS)
    return is_old or list(names) != [_host(one) for one in hosts]


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    return Pair(certificate.public_bytes(pem), key.private_bytes(pem, form, serialization.NoEncryption()))


def _certificate(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def _private_key(pair: Pair) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pair.key, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key
