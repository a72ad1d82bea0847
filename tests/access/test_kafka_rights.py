"""Each part with an account and rights of its own: all of its row is enough, less is not, and no more is allowed."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from billing.acl_rules import PARTS, Kind, Operation, Right
from tests.access.attempts import Attempts, Use
from tests.access.forked import ForkedQb, Started
from tests.access.secured_deployment import SecuredDeployment, all_uses
from tests.access.secured_kafka import SecuredKafka

SERVICES = ("process", "export", "invoice", "budgets", "notify")
# Two months that are over; the last event is the newest, so that both can be closed.
EVENTS = [f"2017-{month}-{day:02}T12:00:00Z,Charlie,{day}.5,CALL" for month in ("08", "09") for day in range(1, 29)]
EVENTS += ["2017-10-02T12:00:00Z,Charlie,1,CALL"] * 4 + ["not an event"]
INVOICE = "2017-09-000001"
PATIENCE_SECONDS = 240.0


@pytest.fixture(scope="module")
def deployment(secured: SecuredKafka, tmp_path_factory: pytest.TempPathFactory) -> SecuredDeployment:
    """One whose parts have users with the rights of their rows: each by name for passwords and for certificates."""
    made = SecuredDeployment(secured, tmp_path_factory.mktemp("deployment"))
    for part in PARTS:
        secured.add_user(part, f"password of {part}")
    secured.allow({part: made.rights(part) for part in PARTS})
    return made


def wait_for(started: Started, *texts: str) -> None:
    """Wait until a command has written all of some texts."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all(text in started.text for text in texts):
        assert started.exit_code is None, f"{started.log.stem} ended with {started.exit_code}:\n{started.text}"
        assert time.monotonic() < deadline, f"{started.log.stem} does not say {texts}:\n{started.text}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def refusals(forked_qb: ForkedQb, deployment: SecuredDeployment) -> list[str]:
    """What Kafka refused while all parts did their work once, from making the topics to the audit."""
    before = len(deployment.kafka.denied())

    def by_password(*argv: str) -> Started:
        return forked_qb.start(argv, deployment.with_password(argv[0], f"password of {argv[0]}"))

    def by_certificate(*argv: str) -> Started:
        return forked_qb.start(argv, deployment.with_certificate(argv[0]))

    def finish(done: Started) -> None:
        assert done.wait(PATIENCE_SECONDS) == 0, done.text

    finish(by_password("topics", "--create"))
    finish(by_certificate("generate", "--events", "5"))
    deployment.produce(EVENTS)
    processing, exporting = by_password("process"), by_certificate("export")
    wait_for(processing, "partition taken over partition=3")
    wait_for(exporting, "read model ready")
    invoicing, budgeting = by_certificate("invoice"), by_password("budgets")
    wait_for(invoicing, "month closed month=2017-09")
    wait_for(budgeting, "notifications told")
    notifying = by_password("notify")
    wait_for(notifying, "notification not delivered")
    saved = str(deployment.folder / "replay.csv")
    finish(by_certificate("explain", "Charlie", "2017-09"))
    finish(by_certificate("explain", INVOICE))
    finish(by_certificate("replay", "--month", "2017-09", "--file", saved))
    finish(by_certificate("replay", "--month", "2017-09", "--file", saved, "--apply"))
    finish(by_certificate("recover"))
    finish(by_password("audit"))
    for service in (notifying, budgeting, invoicing, exporting, processing):
        service.end(signal.SIGTERM)
    for service in (notifying, budgeting, invoicing, exporting, processing):
        finish(service)
    return deployment.kafka.denied()[before:]


@pytest.mark.timeout(900)
@pytest.mark.slow("accounts and rights in Kafka")
def test_the_rights_of_the_rows_are_enough(refusals: list[str], deployment: SecuredDeployment) -> None:
    """With passwords and with certificates. A processor asks whether it has counted from the other scope's topic."""
    other_scope = f":{deployment.settings.keyed_topic} "
    refused = [line for line in refusals if other_scope not in line]
    assert not refused, "\n".join(refused)


@pytest.mark.timeout(900)
@pytest.mark.slow("accounts and rights in Kafka")
def test_each_part_is_refused_what_is_not_in_its_row(deployment: SecuredDeployment) -> None:
    """Every right of the whole table that a part does not have, used with a password or with a certificate."""
    deployment.make_topics()
    everything = all_uses(deployment)
    for number, part in enumerate(PARTS):
        kafka, allowed = deployment.kafka, set(deployment.uses(part))
        by_password = kafka.password_options(part, f"password of {part}"), kafka.password_servers
        by_certificate = kafka.certificate_options(part), kafka.certificate_servers
        options, servers = by_password if number % 2 else by_certificate
        attempts = Attempts({**options, "bootstrap.servers": servers})
        forbidden = sorted(everything - allowed, key=str)
        assert len(forbidden) > len(everything) / 3
        assert attempts.not_refused(forbidden) == [], part


@dataclass(frozen=True)
class Lacking:
    """A part without one of its rights.

    Args:
        part: which.
        use: what it may not do.
    """

    part: str
    use: Use

    @property
    def argv(self) -> list[str]:
        """The command that comes to need the right."""
        thing, operation = self.use
        match self.part:
            case "generate":
                return ["generate", "--events", "5"]
            case "explain":
                return ["explain", INVOICE] if "invoices" in thing.name else ["explain", "Charlie", "2017-09"]
            case "replay":
                writes = operation is Operation.WRITE
                # Another rule, so that something differs and is issued.
                flags = ["--apply", "--min-event-time", "2017-09-15"] if writes else []
                return ["replay", "--month", "2017-09", "--file", "/dev/null", *flags]
            case "topics":
                return ["topics", "--create"] if operation is Operation.CREATE else ["topics", "--fix"]
            case "notify":
                return ["notify", "--again"]
            case "invoice" if operation is Operation.WRITE and thing.kind is Kind.TOPIC:
                return ["invoice", "--month", datetime.now(UTC).strftime("%Y-%m"), "--now"]
            case part:
                return [part]

    @property
    def said(self) -> tuple[str, ...]:
        """What it must say."""
        thing, operation = self.use
        if operation is Operation.DESCRIBE_CONFIGS:
            return ("the right DescribeConfigs is missing", f"topic={thing.name}")
        return ("Kafka does not allow this ", thing.name)


def lacking(deployment: SecuredDeployment, part: str) -> list[Lacking]:
    """Return a part without each of its rights, except those that it does without."""
    return [Lacking(part, use) for use in deployment.uses(part) if use[0].kind is not Kind.CLUSTER]


def without(rights: tuple[Right, ...], use: Use) -> list[Right]:
    """Return rights without one."""
    thing, operation = use
    return [
        Right(right.thing, tuple(one for one in right.operations if (right.thing, one) != (thing, operation)), "")
        for right in rights
    ]


def tell(deployment: SecuredDeployment, forked_qb: ForkedQb, case: Lacking, user: str) -> str:
    """Run a part without a right until it has said what it must; return what is wrong with that, if anything is."""
    environment = deployment.with_certificate(user)
    asks = case.part == "export" and case.use[0].name == deployment.settings.rejected_topic
    started = forked_qb.start(case.argv, environment)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all(text in started.text + (events_of(started) if asks else "") for text in case.said):
        if (code := started.exit_code) is not None or time.monotonic() > deadline:
            return f"{case.argv} without {case.use[1]} on {case.use[0].name}: {code}, said {started.text[-1500:]!r}"
        time.sleep(0.05)
    may_go_on = case.use[1] is Operation.DESCRIBE_CONFIGS or case.part == "export"
    if not may_go_on and started.wait(PATIENCE_SECONDS) != 1:
        return f"{case.argv} without {case.use[1]} on {case.use[0].name}: {started.exit_code}"
    started.end()
    return f"{case.argv}: {started.text}" if "Traceback" in started.text else ""


def events_of(exporter: Started) -> str:
    """Return what an exporter answers to who asks for a customer's events."""
    if "exporter ready" not in exporter.text or "read model ready" not in exporter.text:
        return ""
    url = exporter.text.partition("url=")[2].split()[0]
    try:
        with urlopen(f"{url}/customers/Charlie/events?month=2017-09", timeout=60) as answer:
            return str(answer.read())
    except HTTPError as error:
        with error:
            return error.read().decode()


@pytest.mark.timeout(1800)
@pytest.mark.slow("accounts and rights in Kafka")
@pytest.mark.usefixtures("refusals")
def test_each_right_of_a_row_is_needed(forked_qb: ForkedQb, deployment: SecuredDeployment) -> None:
    """A part that lacks one says so in a sentence with the name of the thing, and does not pretend to work.

    Not of the processor, whose rights on an empty changelog are not used, and of who sets topics up.
    """
    cases = {part: lacking(deployment, part) for part in PARTS if part not in ("process", "topics")}
    users = {f"{part}-{number}": (case, part) for part in cases for number, case in enumerate(cases[part])}
    deployment.kafka.allow({user: without(deployment.rights(part), case.use) for user, (case, part) in users.items()})

    def tell_all(part: str) -> list[str]:
        return [tell(deployment, forked_qb, case, f"{part}-{number}") for number, case in enumerate(cases[part])]

    with ThreadPoolExecutor(2) as pool:
        faults = [fault for told in pool.map(tell_all, cases) for fault in told if fault]
    assert not faults, "\n\n".join(faults)
