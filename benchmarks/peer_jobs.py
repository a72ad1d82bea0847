"""The same job in Kafka Streams and in Flink (`benchmarks/peers`, for Maven): built, run, checked and measured."""

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.child import Child
from benchmarks.rate import Rate
from benchmarks.reading import newest_values
from benchmarks.runs import watch
from benchmarks.stage import Filled, Stage
from benchmarks.truth import InexactError, Totals, Truth, add_to, compare
from billing.event import DEFAULT_TYPES

FOLDER = Path(__file__).parent / "peers"
# This share of the events comes before what is measured: a virtual machine compiles what it runs often.
WARM_SHARE = 1 / 3
_LAST_OUTPUT_SECONDS = 30.0
_OPENS = ("java.base/java.lang", "java.base/java.util", "java.base/java.time")


@dataclass(frozen=True)
class Peer:
    """A program that does the job.

    Args:
        name: for people.
        module: of the Maven project.
        main: its class.
        arguments: behind those that all have.
        guarantee: what holds when it is killed.
    """

    name: str
    module: str
    main: str
    arguments: tuple[str, ...]
    guarantee: str


PEERS = (
    Peer("Kafka Streams, RocksDB", "streams", "StreamsJob", (), "exactly_once_v2: offsets, changelogs, output atomic"),
    Peer("Flink, heap state", "flink", "FlinkJob", ("hashmap",), "exactly-once checkpoints and sink"),
    Peer("Flink, RocksDB state", "flink", "FlinkJob", ("rocksdb",), "exactly-once checkpoints and sink"),
)


class PeersMissingError(Exception):
    """What building or running the peers needs is not there: the message is one line that says what."""


def build() -> None:
    """Build the Maven project.

    Raises:
        PeersMissingError: Java or Maven is not there, or Maven failed.
    """
    if missing := [tool for tool in ("java", "javac", "mvn") if shutil.which(tool) is None]:
        raise PeersMissingError(
            f"make bench-peers needs Java 17 or newer (java and javac) and Maven (mvn): {', '.join(missing)} not found"
        )
    command = ["mvn", "--batch-mode", "--quiet", "--file", str(FOLDER), "compile"]
    built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if built.returncode:
        lines = [line for line in built.stdout.splitlines() if "ERROR" in line] or ["it said nothing"]
        raise PeersMissingError(f"Maven could not build {FOLDER}: {lines[0]}")


def run_peer(stage: Stage, filled: Filled, peer: Peer) -> tuple[Rate, float]:
    """Let a peer count a topic on the worker's core, check its totals; return its rate when warm, and its peak in MiB.

    Raises:
        InexactError: its totals are not those of the events.
        ChildError: it ended.
    """
    name = stage.new_name(peer.module)
    output = f"{name}.subtotals"
    admin = AdminClient({"bootstrap.servers": stage.servers})
    made = admin.create_topics([NewTopic(output, filled.shape.partitions, config={"cleanup.policy": "compact"})])
    made[output].result()
    state = stage.directory / name
    command = [*_java(peer), stage.servers, filled.topic, output, name, str(state), *peer.arguments]
    with Child(command, stage.worker_cores, stage.log(name)) as child:
        samples = watch(stage, filled, name, [child])
        _check(stage, output, filled)
        peak_mib = child.memory_mib()
        child.kill()
    shutil.rmtree(state, ignore_errors=True)
    return samples.rate(int(filled.events * WARM_SHARE)), peak_mib


def _java(peer: Peer) -> list[str]:
    module = FOLDER / peer.module / "target"
    path = [str(module / "classes"), str(FOLDER / "job" / "target" / "classes"), f"{module}/lib/*"]
    opens = [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENS]
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    return ["java", "-Xms2g", "-Xmx2g", *opens, quiet, "-cp", ":".join(path), f"billing.peers.{peer.main}"]


def _check(stage: Stage, output: str, filled: Filled) -> None:
    """Compare what went out with the truth; the last sums go out up to a commit later than the last offsets."""
    deadline = time.monotonic() + _LAST_OUTPUT_SECONDS
    while True:
        try:
            check_output(stage, output, filled.shape.partitions, filled.truth)
        except InexactError:
            if time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(1.0)


def check_output(stage: Stage, output: str, partitions: int, truth: Truth) -> None:
    """Compare a peer's output with the truth.

    Raises:
        InexactError: they differ.
    """
    compare(truth.totals(), peer_totals(newest_values(stage.servers, output, partitions)), "totals")


def peer_totals(latest: dict[bytes, bytes]) -> Totals:
    """Add up what a peer's output holds."""
    found: Totals = {}
    for key, value in latest.items():
        kind, _, when, *customer = key.decode().split("|", 3)
        for type_, sums in zip(DEFAULT_TYPES, value.decode().split(";"), strict=True):
            micros, count = map(int, sums.split(","))
            if count:
                add_to(found, ((when, customer[0]) if kind == "customer" else int(when), type_), micros, count)
    return found
