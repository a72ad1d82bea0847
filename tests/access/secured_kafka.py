"""A broker that takes accounts: with TLS and a password, or with TLS and a certificate; and who has which rights."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from billing.acl_rules import Kind, Right
from broker.kafka_broker import KafkaBroker
from broker.ports import free_port
from broker.secured import Secured
from tests.access.certificates import Authority

_ANSWER_SECONDS = 60.0
_KINDS = {
    Kind.TOPIC: ResourceType.TOPIC,
    Kind.GROUP: ResourceType.GROUP,
    Kind.TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
    Kind.CLUSTER: ResourceType.BROKER,
}


@dataclass(frozen=True)
class SecuredKafka:
    """The running broker.

    Args:
        broker: the broker itself; its own port is open to the tests, who may do everything there.
        secured: its listeners with accounts.
        authority: who has signed its certificate, and signs those of clients.
        admin: a client that may do everything.
    """

    broker: KafkaBroker
    secured: Secured
    authority: Authority
    admin: AdminClient

    @property
    def password_servers(self) -> str:
        """Where clients come with a password."""
        return f"127.0.0.1:{self.secured.password_port}"

    @property
    def certificate_servers(self) -> str:
        """Where clients come with a certificate."""
        return f"127.0.0.1:{self.secured.certificate_port}"

    def add_user(self, name: str, password: str) -> None:
        """Make a user with a password, or change it."""
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(name, scram, password.encode())
        for future in self.admin.alter_user_scram_credentials([change]).values():
            future.result(_ANSWER_SECONDS)

    def password_options(self, name: str, password: str) -> dict[str, object]:
        """Return the setting `kafka` of a client with a password."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": name,
            "sasl.password": password,
            "ssl.ca.location": str(self.authority.cert),
        }

    def certificate_options(self, name: str) -> dict[str, object]:
        """Return the setting `kafka` of a client with a certificate, made for it."""
        identity = self.authority.sign(name)
        return {
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.authority.cert),
            "ssl.certificate.location": str(identity.cert),
            "ssl.key.location": str(identity.key),
        }

    def allow(self, rights: Mapping[str, Iterable[Right]]) -> None:
        """Give users rights, by the user's name."""
        bindings = [one for user, given in rights.items() for right in given for one in _bindings(user, right)]
        for future in self.admin.create_acls(bindings, request_timeout=_ANSWER_SECONDS).values():
            future.result(_ANSWER_SECONDS)

    def denied(self) -> list[str]:
        """Return the lines in which the broker says whom it has refused what."""
        log = (self.broker.directory / "node-0" / "kafka.log").read_text("utf-8", "replace")
        return [line for line in log.splitlines() if "is Denied operation" in line]


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """Start a broker that takes accounts; nobody has one yet."""
    certificates = folder / "certificates"
    certificates.mkdir()
    authority = Authority(certificates, "authority")
    identity = authority.sign("broker")
    identity_file = certificates / "broker.pem"
    identity_file.write_bytes(identity.key.read_bytes() + identity.cert.read_bytes())
    first = free_port(3)
    secured = Secured(first + 1, first + 2, identity_file, authority.cert)
    with KafkaBroker(folder / "kafka", first, secured=secured) as broker:
        yield SecuredKafka(broker, secured, authority, AdminClient({"bootstrap.servers": broker.bootstrap_servers}))


def _bindings(user: str, right: Right) -> list[AclBinding]:
    pattern = ResourcePatternType.PREFIXED if right.thing.begins else ResourcePatternType.LITERAL
    return [
        AclBinding(
            _KINDS[right.thing.kind],
            right.thing.name,
            pattern,
            f"User:{user}",
            "*",
            AclOperation[operation.name],
            AclPermissionType.ALLOW,
        )
        for operation in right.operations
    ]
