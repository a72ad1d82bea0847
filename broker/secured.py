"""Listeners with accounts and rights for the embedded broker, beside the plain one that its own node uses."""

from dataclasses import dataclass
from pathlib import Path

from broker.ports import HOST

# Who comes through the plain listener, which is on a loopback address: the node itself, and whoever sets accounts up.
_SUPER_USER = "User:ANONYMOUS"
_SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass(frozen=True)
class Secured:
    """What one node needs to take accounts: users with passwords, users with certificates, and rights for both.

    A user's name is that of SCRAM-SHA-512 on the one listener, and the certificate's common name on the other. Who has
    no right to something is refused it.

    Args:
        password_port: where clients come with TLS and SCRAM-SHA-512 (`SASL_SSL`).
        certificate_port: where clients come with TLS and a certificate of their own (`SSL`).
        identity_file: the node's private key and certificate, in one PEM file.
        authority_file: the authority that clients' certificates must be signed by, as PEM.
    """

    password_port: int
    certificate_port: int
    identity_file: Path
    authority_file: Path

    def listeners(self) -> str:
        """Return the listeners as Kafka's setting has them."""
        return f"SASL_SSL://{HOST}:{self.password_port},SSL://{HOST}:{self.certificate_port}"

    def properties(self) -> dict[str, object]:
        """Return the settings that a node has more, besides its listeners."""
        return {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": _SUPER_USER,
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": _SCRAM_LOGIN,
            "listener.name.ssl.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.identity_file,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.authority_file,
        }
