"""The settings that the embedded broker runs with: small and quick, and as careful with data as its size allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from broker.ports import HOST, has_ipv6
from broker.secured import Secured

# What Kafka calls "for ever" and "without limit".
_FOR_EVER_MS = -1
_NO_LIMIT_MS = 2**63 - 1


@dataclass(frozen=True)
class NodePorts:
    """Where one node listens: for clients, and for the other nodes' controllers."""

    client: int
    controller: int


@dataclass(frozen=True)
class NodeSize:
    """How much a node is made for.

    Args:
        heap_mib: the most memory that its Java objects may take; the default is enough for some hundred partitions.
        session_timeout_ms: so long after a node was heard last its partitions get other leaders, and it may come back
            itself. Kafka's own default is 9 s. A node that never dies, on a machine that is very busy, needs more.
    """

    heap_mib: int = 256
    session_timeout_ms: int = 3_000


NORMAL_SIZE = NodeSize()


def server_properties(
    index: int,
    ports: Sequence[NodePorts],
    data_folder: Path,
    secured: Secured | None = None,
    size: NodeSize = NORMAL_SIZE,
) -> str:
    """Return the `server.properties` of node `index` of a cluster whose nodes listen on `ports`.

    With `secured`, the node also listens where clients need accounts, and each needs rights.

    Each node is broker and controller. Three nodes hold every record three times and acknowledge it (acks=all) once
    two have it, so any one may die; one node holds it once.
    """
    replicas, min_in_sync = (3, 2) if len(ports) == 3 else (1, 1)
    voters = ",".join(f"{i}@{HOST}:{node.controller}" for i, node in enumerate(ports))
    client_listeners = f"PLAINTEXT://{HOST}:{ports[index].client}"
    if has_ipv6():
        # `localhost` means this address first on many machines; a client that finds nobody there complains.
        client_listeners += f",PLAINTEXT6://[::1]:{ports[index].client}"
    protocols = "PLAINTEXT:PLAINTEXT,PLAINTEXT6:PLAINTEXT,CONTROLLER:PLAINTEXT"
    if secured is not None:
        client_listeners += f",{secured.listeners()}"
        protocols += ",SASL_SSL:SASL_SSL,SSL:SSL"
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": index,
        "controller.quorum.voters": voters,
        "listeners": f"{client_listeners},CONTROLLER://{HOST}:{ports[index].controller}",
        "advertised.listeners": client_listeners,
        "listener.security.protocol.map": protocols,
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data_folder,
        # Copies of each record.
        "default.replication.factor": replicas,
        "min.insync.replicas": min_in_sync,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": min_in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": min_in_sync,
        # Few partitions of Kafka's own topics: they are made, and read at each start, one by one.
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.num.partitions": 1,
        # A topic that nobody made is a mistake, not a wish.
        "auto.create.topics.enable": "false",
        # Producers may stamp records with event times, which lie years back, or ahead when months are simulated:
        # nothing is refused or thrown away for that.
        "log.retention.ms": _FOR_EVER_MS,
        # A group's offsets stay although no processor runs: its State is of no use without them.
        "offsets.retention.minutes": 2**31 - 1,
        "log.message.timestamp.before.max.ms": _NO_LIMIT_MS,
        "log.message.timestamp.after.max.ms": _NO_LIMIT_MS,
        # Groups start without waiting for members, and notice soon that one is dead.
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1_000,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1_000,
        "broker.session.timeout.ms": size.session_timeout_ms,
        "broker.heartbeat.interval.ms": 300,
        # The default, 128 MB, is half of the heap that the broker gets; 16 MB still compact 600,000 keys in one pass.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        **(secured.properties() if secured else {}),
    }
    return "".join(f"{key}={_escaped(value)}\n" for key, value in settings.items())


def log4j_properties(log_file: Path) -> str:
    """Return the `log4j2.properties` of a node: everything from INFO up into `log_file`, 15 MB at most."""
    return f"""\
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName={_escaped(log_file)}
appender.file.filePattern={_escaped(log_file)}.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d %p %c{{1}} %m%n
appender.file.policies.type=SizeBasedTriggeringPolicy
appender.file.policies.size=5MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=2
rootLogger.level=info
rootLogger.appenderRef.file.ref=file
"""


def _escaped(value: object) -> str:
    """Return a value as Java's property files need it."""
    return str(value).replace("\\", "\\\\")
