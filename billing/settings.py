"""The settings of all parts: one validated model, read from defaults, a YAML file, the environment and flags.

The model below is the table that flags, environment variables, documentation and ``--check-config`` are made from.
Each later source wins: default, YAML file (``--config`` or ``QB_CONFIG``), environment (``QB_`` + the name in upper
case), flag (``--`` + the name with dashes).
"""

import os
import re
import socket
from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from billing.access.token_rules import TokenRules
from billing.access.token_scopes import TokenScopes
from billing.access.token_settings import check_algorithms, check_together, parse_token_scopes
from billing.access.token_source import check_source
from billing.budget import Budget, budget_by_name
from billing.clock import SimulatedClock, SystemClock
from billing.currency import is_known
from billing.event import DEFAULT_TYPE, DEFAULT_TYPES, EventRules
from billing.event_time import parse_limit
from billing.masking import MASK, has_user_info, masked_option, masked_text, secrets_of_options, without_quotes
from billing.webhook_secret import parse_secret

ENVIRONMENT_PREFIX = "QB_"
# The settings that hold options of librdkafka, and that name a file of them.
_OPTIONS, _OPTIONS_FILE = "kafka", "kafka_file"
# At the end of `instance`: a number that each process takes for itself.
NUMBERED = "*"
CONFIG_VARIABLE = "QB_CONFIG"

Part = Literal[
    "generate",
    "process",
    "export",
    "invoice",
    "budgets",
    "notify",
    "audit",
    "explain",
    "replay",
    "topics",
    "recover",
    "keys",
]
# Those that talk to Kafka.
ALL: tuple[Part, ...] = tuple(part for part in get_args(Part) if part != "keys")
# Those that make events, count them or show what was counted.
COUNTING: tuple[Part, ...] = ("generate", "process", "export", "invoice", "audit")
# Those that answer over HTTP.
SERVING: tuple[Part, ...] = ("process", "export", "invoice", "budgets", "notify")

# The forms that the generator writes: three, four or five CSV fields, or JSON.
EVENT_FORMATS = ("csv3", "csv4", "csv5", "json")

_TYPE_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,31}")

# librdkafka options that `kafka` may not hold: the parts set them, or a setting of its own stands for them.
_ESSENTIAL = "the parts set it themselves, and totals would not be exact with another value"
_TAKEN_OPTIONS = {
    "bootstrap.servers": "set `bootstrap_servers`",
    "metadata.broker.list": "set `bootstrap_servers`",
    "group.id": "set `consumer_group`",
    "group.instance.id": "set `instance`",
    "transactional.id": "set `instance`",
    **dict.fromkeys(
        (
            "acks",
            "auto.commit.enable",
            "auto.offset.reset",
            "enable.auto.commit",
            "enable.auto.offset.store",
            "enable.idempotence",
            "enable.partition.eof",
            "group.protocol",
            "group.remote.assignor",
            "isolation.level",
            "partition.assignment.strategy",
            "request.required.acks",
        ),
        _ESSENTIAL,
    ),
}


# What tests and tools of the project read under the same prefix.
_OTHER_VARIABLES = {"QB_REQUIRE_TOOLS", "QB_MUTATIONS"}
_TEST_PREFIX = "QB_TEST_"
# What Kubernetes puts into the environment of each pod for a service, here one whose name begins with `qb-`.
_SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$")
_SERVICE_HINT = (
    "; Kubernetes sets such a variable for a service of that name: give the service another name, or set "
    "enableServiceLinks: false in the pod"
)


class SettingsError(ValueError):
    """Settings that cannot be used: one line per fault, each with the setting's name, its value and what is allowed."""


def _parse_list(value: object) -> object:
    """Read ``A,B`` from the environment or a flag as a list, nothing as an empty one; leave a YAML list as it is."""
    if not isinstance(value, str):
        return value
    return [item.strip() for item in value.split(",")] if value.strip() else []


def _write_time(value: object) -> object:
    """Write a time that YAML has read as one, back as text."""
    return value.isoformat() if isinstance(value, date) else value


def _parse_map(value: object) -> object:
    """Read a YAML map, such as ``{sasl.username: me}``, from the environment or a flag."""
    if not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value) or {}
    except yaml.YAMLError:
        raise ValueError("not a YAML map; for example {sasl.username: me}") from None


def setting(default: Any, help_text: str, *parts: Part, secret: bool = False, **constraints: Any) -> Any:
    """Declare a setting: its default, what it means in one line, and the parts that read it (none given: all).

    The value of one that is secret is shown nowhere.
    """
    extra: dict[str, Any] = {"parts": list(parts or ALL), "secret": secret}
    return Field(default=default, description=help_text, json_schema_extra=extra, **constraints)


def _parse_budgets(value: object) -> object:
    """Read a YAML list of budgets from the environment or a flag."""
    if not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value) or []
    except yaml.YAMLError:
        raise ValueError("not a YAML list; for example [{name: all, amount: '1000'}]") from None


EventTime = Annotated[str, BeforeValidator(_write_time)]
TypeNames = Annotated[tuple[str, ...], BeforeValidator(_parse_list)]
Budgets = Annotated[tuple[Budget, ...], BeforeValidator(_parse_budgets)]
TokenScopeMap = Annotated[dict[str, tuple[str, ...]], BeforeValidator(parse_token_scopes)]
KafkaOptions = Annotated[dict[str, str | int | float | bool], BeforeValidator(_parse_map)]


class Settings(BaseModel):
    """Every setting of every part."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # Kafka
    bootstrap_servers: str = setting("localhost:9092", "Kafka brokers, host:port separated by commas", min_length=1)
    kafka: KafkaOptions = setting({}, "more librdkafka options, passed through unchanged (SASL, TLS): a YAML map")
    kafka_file: str = setting(
        "", "file of such options, a YAML map, which come on top of those in `kafka`; for secrets; empty: none"
    )
    input_topic: str = setting("billableevents.incoming", "topic of the billable events")
    subtotals_topic: str = setting("billing.subtotals", "topic of the partial subtotals", min_length=1)
    rejected_topic: str = setting("billing.rejected", "topic of rejected records", min_length=1)
    invoices_topic: str = setting(
        "billing.invoices",
        "topic of the invoices, the ledger",
        *(part for part in ALL if part not in ("replay", "recover")),
        min_length=1,
    )
    notifications_topic: str = setting(
        "billing.notifications",
        "topic of what was decided of budgets, a ledger too",
        *(part for part in ALL if part not in ("explain", "replay", "recover")),
        min_length=1,
    )
    input_partitions: int = setting(
        4,
        "number of partitions for topics that qb creates",
        "generate",
        "process",
        "export",
        "invoice",
        "budgets",
        "notify",
        "audit",
        "topics",
        ge=1,
        le=10_000,
    )
    dedup_scope: Literal["partition", "topic"] = setting(
        "partition",
        "where an id is looked up: `partition`, among the ids of the record's input partition; `topic`, among all ids "
        "of its customer, whatever keys and partitions the input has: records are moved to `keyed_topic` first",
    )
    keyed_topic: str = setting(
        "billableevents.keyed", "topic that records are moved to, by customer, with `dedup_scope: topic`"
    )
    keyed_partitions: int = setting(
        8,
        "number of partitions of `keyed_topic`; it can't be changed once the topic is made",
        "generate",
        "process",
        "export",
        "invoice",
        "budgets",
        "notify",
        "audit",
        "topics",
        ge=1,
        le=256,
    )
    replication_factor: int = setting(
        -1,
        "number of replicas for topics that qb creates; -1: the broker's default",
        "generate",
        "process",
        "export",
        "invoice",
        "budgets",
        "notify",
        "topics",
        ge=-1,
        le=15,
    )
    consumer_group: str = setting(
        "billing",
        "consumer group of the processors",
        "generate",
        "process",
        "export",
        "invoice",
        "budgets",
        "notify",
        "audit",
        "topics",
        "recover",
        min_length=1,
    )
    instance: str = setting(
        "",
        "stable name of this instance; empty: the host name. If it ends in `*`, a processor replaces that by the first "
        "number that no other one on the same `state_dir` has",
        validate_default=True,
    )

    topic_check_seconds: float = setting(
        300,
        "time between checks of the topics while a part runs",
        "process",
        "export",
        "invoice",
        "budgets",
        "notify",
        ge=1,
        le=86_400,
    )

    # The business
    types: TypeNames = setting(
        DEFAULT_TYPES, "event types, separated by commas", "generate", "process", "export", "audit", "explain", "replay"
    )
    default_type: str = setting(
        DEFAULT_TYPE,
        "type of an event that names none; one of `types`",
        "generate",
        "process",
        "export",
        "audit",
        "explain",
        "replay",
    )
    currency: str = setting(
        "EUR", "the one currency, as an ISO 4217 code", "export", "invoice", "budgets", pattern=r"^[A-Z]{3}$"
    )
    time_zone: str = setting(
        "UTC",
        "IANA zone whose calendar months are the billing periods",
        "generate",
        "process",
        "export",
        "invoice",
        "budgets",
        "audit",
        "explain",
        "replay",
        "recover",
    )
    # At most ten years, so that no accepted event lies beyond the calendar.
    max_future_seconds: float = setting(
        86_400,
        "how far in the future an event's time may lie",
        "generate",
        "process",
        "export",
        "audit",
        "explain",
        "replay",
        ge=0,
        le=315_360_000,
    )
    min_event_time: EventTime = setting(
        "2000-01-01",
        "earliest event time that is accepted: a date (midnight in UTC) or an RFC 3339 time",
        "generate",
        "process",
        "export",
        "audit",
        "explain",
        "replay",
    )
    max_event_bytes: int = setting(
        16_384,
        "size of the largest record accepted as an event",
        *(part for part in ALL if part != "recover"),
        ge=64,
    )
    out_of_orderness_seconds: float = setting(
        43_200, "how late an event may arrive and still count as on time", "process", "export", "invoice", ge=0
    )

    dedup_window_days: int = setting(
        35,
        "days of event time, behind the highest, in which an id counts once; 0: ids are ignored",
        "process",
        "generate",
        "export",
        "audit",
        "explain",
        "replay",
        ge=0,
        le=3_650,
    )
    keep_duplicates: bool = setting(
        False, "also keep events whose id was counted before, with the rejected records", "process", "audit"
    )

    # A simulation's clock, shared by the parts; 0 is the wall clock
    simulation_speed: float = setting(
        0,
        "simulated seconds per second; 0: real time",
        "generate",
        "process",
        "export",
        "invoice",
        "budgets",
        "audit",
        "explain",
        "replay",
        ge=0,
        le=1e9,
    )
    simulation_start_ms: int = setting(
        0,
        "simulated time at the anchor (`simulation_anchor_ms`), in milliseconds",
        "generate",
        "process",
        "export",
        "invoice",
        "budgets",
        "audit",
        "explain",
        "replay",
        ge=0,
        lt=7_000_000_000_000,
    )
    simulation_anchor_ms: int = setting(
        0,
        "wall clock time of the anchor, when the simulated time is `simulation_start_ms`, in milliseconds",
        "generate",
        "process",
        "export",
        "invoice",
        "budgets",
        "audit",
        "explain",
        "replay",
        ge=0,
    )

    # Reading
    fetch_bytes: int = setting(
        16_777_216,
        "bytes of records, packed as they are sent, that are fetched at once; a zstd batch of the input that "
        "unpacks to more is read by itself",
        "process",
        "export",
        "invoice",
        "audit",
        "explain",
        "replay",
        ge=65_536,
        le=100_000_000,
    )
    unpacked_bytes: int = setting(
        1_073_741_824,
        "largest size to which a batch of records may unpack; at a larger one of the input the reader stops",
        "process",
        "export",
        "invoice",
        "budgets",
        "notify",
        "audit",
        "explain",
        "replay",
        "recover",
        ge=134_217_728,
        le=2_147_483_647,
    )

    # Processor
    start_from_retained: bool = setting(
        False,
        "let a processor that starts for the first time begin after input records that were deleted unread",
        "process",
    )
    state_dir: Path = setting(Path("state"), "folder of the processor's state", "process", "recover")
    commit_interval_seconds: float = setting(
        0.5, "time from commit to commit; totals are at most about this old", "process", gt=0, le=60
    )
    batch_messages: int = setting(
        10_000, "largest number of records taken from the client at once", "process", ge=1, le=100_000
    )
    native_reading: bool = setting(
        True,
        "read records where the Kafka client has them; false: through Python, slower",
        "process",
        "explain",
        "replay",
    )
    hot_table_entries: int = setting(
        1_000_000,
        "sums kept in memory between commits by a processor, whatever its partitions: of customers and months, and of "
        "hours. A million take some 200 MB",
        "process",
        ge=0,
    )
    dedup_memory_bytes: int = setting(
        134_217_728,
        "memory in which each input partition finds the ids of the window, 10 to 21 bytes for each, at most 512 MiB; "
        "those that do not fit are found on disk, in temporary files in the instance's folder of state_dir, and take "
        "1.5 to 3",
        "process",
        "replay",
        ge=65_536,
    )
    dedup_cache_bytes: int = setting(
        16_777_216,
        "memory in which each input partition keeps the contents of ids that were counted lately",
        "process",
        "replay",
        ge=65_536,
    )
    state_buffer_bytes: int = setting(
        134_217_728,
        "memory in which a processor's State gathers writes, shared by the input partitions; as much is at most read "
        "back from the changelog after a kill",
        "process",
        ge=8_388_608,
    )
    processor_host: str = setting("127.0.0.1", "address on which the processor serves metrics and health", "process")
    processor_port: int = setting(
        9108, "port of the processor's metrics and health; 0: any free one", "process", ge=0, le=65_535
    )

    # Generator
    rate: float = setting(10, "events per second; 0: as fast as possible", "generate", ge=0, le=1e7)
    delay_seconds: float = setting(0, "time between two events; 0: use `rate`", "generate", ge=0)
    events: int = setting(0, "number of events to make; 0: no limit", "generate", ge=0)
    seed: int = setting(
        1, "seed of the random numbers; the same seed and clock make the same events", "generate", "export", ge=0
    )
    customers: int = setting(10, "number of customers; the first ten have first names", "generate", ge=1, le=10**7)
    formats: TypeNames = setting(EVENT_FORMATS, "event formats, in equal shares; csv3 names no type", "generate")
    keyed: bool = setting(True, "use the customer as the record key; otherwise records have no key", "generate")
    malformed_share: float = setting(0.01, "share of records that cannot be billed", "generate", ge=0, le=1)
    credit_share: float = setting(0.02, "share of events with a negative amount", "generate", ge=0, le=1)
    out_of_order_seconds: float = setting(60, "how far behind the clock an on-time event may lie", "generate", ge=0)
    late_share: float = setting(0.001, "share of events up to `late_seconds` behind the clock", "generate", ge=0, le=1)
    late_seconds: float = setting(432_000, "how far behind the clock a late event may lie", "generate", ge=0)
    repeat_share: float = setting(
        0, "share of records that repeat an earlier one, with its id and content; needs `keyed`", "generate", ge=0, le=1
    )
    conflict_share: float = setting(
        0, "share of records that use an earlier event's id for another amount; needs `keyed`", "generate", ge=0, le=1
    )
    void_share: float = setting(
        0, "share of records that take an earlier event back; needs `keyed`", "generate", ge=0, le=1
    )
    replace_share: float = setting(
        0, "share of records that take the place of an earlier event; needs `keyed`", "generate", ge=0, le=1
    )
    month_seconds: float = setting(
        0,
        "wall seconds per simulated month, from 2017-01 on; 0: real time; `simulation_speed` takes precedence",
        "generate",
        ge=0,
    )
    history_days: float = setting(
        0, "spread all `events` over this many days up to now; 0: they happen now", "generate", ge=0, le=20_000
    )
    expected_file: str = setting("", "file to write the expected totals to; empty: none", "generate")

    # Exporter
    allowed_hosts: TypeNames = setting(
        (),
        "more host names by which clients may call a part over HTTP, separated by commas; `*`: any. Always allowed are "
        "localhost, this machine's name, the name in `exporter_host` and its like, and IP addresses",
        *SERVING,
    )
    max_connections: int = setting(
        512, "largest number of connections that the exporter keeps open at once", "export", ge=16, le=100_000
    )
    exporter_host: str = setting("127.0.0.1", "address on which the exporter listens", "export")
    exporter_port: int = setting(8080, "port of the exporter; 0: any free one", "export", ge=0, le=65_535)
    customer_series_limit: int = setting(
        0, "customers listed individually in GET /metrics, highest revenue first; 0: none", "export", ge=0, le=100_000
    )
    series_limit: int = setting(
        10_000, "largest number of money series in GET /metrics; the rest are left out", "export", ge=100
    )
    prometheus_url: str = setting("http://localhost:9090", "address of Prometheus, for the page's links", "export")
    grafana_url: str = setting("http://localhost:3000", "address of Grafana, for the page's links", "export")
    cors_origin: str = setting("", "origin from which browsers may call the exporter; empty: only its own", "export")

    # Access
    keys_file: str = setting(
        "",
        "file of the keys that are taken, as hashes, see [access](access.md#keys); empty: none",
        "process",
        "export",
        "invoice",
        "budgets",
        "notify",
        "keys",
    )

    # Invoicer
    output: Path = setting(Path("invoices"), "folder of the invoice files", "invoice", "audit")
    grace_seconds: float = setting(
        259_200, "how long after its end a month stays open for late events", "invoice", ge=0
    )
    idle_after_seconds: float = setting(
        900,
        "seconds of silence, by the wall clock, after which a fully read input partition no longer holds up a month",
        "invoice",
        ge=0,
    )
    check_interval_seconds: float = setting(5, "time between checks for due months", "invoice", gt=0, le=3_600)
    close_chunk_invoices: int = setting(2_000, "invoices issued in one transaction", "invoice", ge=1, le=100_000)
    invoicer_host: str = setting("127.0.0.1", "address on which the invoicer serves metrics and health", "invoice")
    invoicer_port: int = setting(
        9109, "port of the invoicer's metrics and health; 0: any free one", "invoice", ge=0, le=65_535
    )

    # Budgets
    budgets: Budgets = setting(
        (),
        "monthly limits with thresholds, a YAML list; see [budgets](budgets.md)",
        "export",
        "budgets",
    )
    budgets_host: str = setting("127.0.0.1", "address on which `qb budgets` serves metrics and health", "budgets")
    budgets_port: int = setting(
        9110, "port of the metrics and health of `qb budgets`; 0: any free one", "budgets", ge=0, le=65_535
    )

    # Webhooks
    webhook_url: str = setting("", "address to which notifications are posted; empty: `qb notify` sends none", "notify")
    webhook_secret: TypeNames = setting(
        (),
        "secrets that webhooks are signed with, `whsec_...`, separated by commas; better in a file",
        "notify",
        secret=True,
    )
    webhook_secret_file: str = setting("", "file with such secrets, one per line; empty: none", "notify")
    webhook_try_seconds: float = setting(10, "how long a try to send a webhook may take", "notify", gt=0, le=300)
    webhook_first_pause_seconds: float = setting(
        5, "pause between the first two tries; each one after is twice as long", "notify", gt=0, le=3_600
    )
    webhook_longest_pause_seconds: float = setting(
        3_600, "longest pause between two tries, also if the receiver asks for more", "notify", gt=0, le=604_800
    )
    webhook_give_up_seconds: float = setting(
        259_200, "time after the first try from which on a failed try is the last one", "notify", ge=0
    )
    notifier_host: str = setting("127.0.0.1", "address on which `qb notify` serves metrics and health", "notify")
    notifier_port: int = setting(
        9111, "port of the metrics and health of `qb notify`; 0: any free one", "notify", ge=0, le=65_535
    )

    # HTTP servers
    web_config_file: str = setting(
        "",
        "file that says how the HTTP servers speak TLS and whom they ask for a password, as that of Prometheus' "
        "exporters; see [access](access.md); empty: plain HTTP, and anybody may see everything",
        *SERVING,
    )

    # Tokens of an identity provider
    token_jwks: str = setting(
        "",
        "address (https) or file of the identity provider's keys (JWKS); empty: no tokens are taken. "
        "See [access](access.md#tokens-of-an-identity-provider)",
        *SERVING,
    )
    token_issuer: str = setting("", "who must have issued a token: its `iss`, letter by letter", *SERVING)
    token_audience: str = setting("", "whom a token must be meant for: its `aud`, or one of them", *SERVING)
    token_scopes_claim: str = setting(
        "scope",
        "claim whose values give scopes, as a list or separated by spaces; a path such as `realm_access.roles`",
        *SERVING,
        min_length=1,
    )
    token_scopes: TokenScopeMap = setting(
        {},
        "scopes that a value of `token_scopes_claim` gives, a YAML map; values that are not in it give none",
        *SERVING,
    )
    token_customer_claim: str = setting(
        "", "claim that names the customer whose numbers may be seen, or a list of them; empty: none does", *SERVING
    )
    token_algorithms: TypeNames = setting(
        ("RS256", "ES256"), "algorithms by which a token may be signed: RS256, ES256, PS256, EdDSA", *SERVING
    )
    token_leeway_seconds: float = setting(
        30, "how far the clock of the identity provider may be off", *SERVING, ge=0, le=600
    )
    token_ca_file: str = setting(
        "", "file of the authorities that sign the certificate at `token_jwks`; empty: those of the system", *SERVING
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", "least severe level that is logged")

    @field_validator("token_jwks")
    @classmethod
    def _check_token_jwks(cls, source: str) -> str:
        return check_source(source)

    @field_validator("token_algorithms")
    @classmethod
    def _check_token_algorithms(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return check_algorithms(names)

    @model_validator(mode="after")
    def _check_tokens(self) -> "Settings":
        check_together(dict(self))
        return self

    @field_validator("types")
    @classmethod
    def _check_types(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        if not types:
            raise ValueError("at least one type is needed")
        for name in types:
            if not _TYPE_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no type name: A-Z, 0-9 and _, beginning with a letter, 32 at most")
        if len(set(types)) != len(types):
            raise ValueError("a type is named twice")
        return types

    @field_validator("min_event_time")
    @classmethod
    def _check_min_event_time(cls, text: str) -> str:
        try:
            at_ms = parse_limit(text)
        except ValueError:
            at_ms = -1
        if at_ms < 0:
            raise ValueError("not a date or RFC 3339 time from 1970 on; for example 2000-01-01")
        return text

    @field_validator("kafka")
    @classmethod
    def _check_kafka(cls, options: dict[str, Any]) -> dict[str, Any]:
        if taken := [f"{name} is not allowed here: {why}" for name, why in _TAKEN_OPTIONS.items() if name in options]:
            raise ValueError("; ".join(taken))
        return options

    @field_validator("currency")
    @classmethod
    def _check_currency(cls, code: str) -> str:
        if not is_known(code):
            raise ValueError(
                f"{code!r} is no ISO 4217 code with a minor unit that is known, so no line can be rounded to it"
            )
        return code

    @field_validator("time_zone")
    @classmethod
    def _check_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("not an IANA time zone; for example UTC or Europe/Berlin") from None
        return name

    @field_validator("webhook_url")
    @classmethod
    def _check_webhook_url(cls, url: str) -> str:
        if url and not re.match(r"https?://[^/?#]", url):
            raise ValueError("not a URL that begins with http:// or https://")
        if has_user_info(url):
            raise ValueError("without user name and password: the signature says who sends")
        return url

    @field_validator("webhook_secret")
    @classmethod
    def _check_webhook_secret(cls, secrets: tuple[str, ...]) -> tuple[str, ...]:
        for secret in secrets:
            parse_secret(secret)
        return secrets

    @field_validator("prometheus_url", "grafana_url")
    @classmethod
    def _check_link(cls, url: str) -> str:
        if url and not re.match(r"https?://", url):
            raise ValueError("not a URL that begins with http:// or https://")
        if has_user_info(url):
            raise ValueError("a link that everybody is shown: without user name and password")
        return url

    @field_validator(
        "input_topic", "keyed_topic", "subtotals_topic", "rejected_topic", "invoices_topic", "notifications_topic"
    )
    @classmethod
    def _check_topic(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", name):
            raise ValueError("not a topic name: letters, digits, '.', '_' and '-', 1 to 249")
        return name

    @field_validator("instance")
    @classmethod
    def _default_instance(cls, name: str) -> str:
        name = name or socket.gethostname()
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,200}\*?", name):
            raise ValueError("letters, digits, '.', '_' and '-' are allowed, 1 to 200, and `*` at the end")
        return name

    @field_validator("formats")
    @classmethod
    def _check_formats(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in formats if name not in EVENT_FORMATS]
        if unknown or not formats:
            raise ValueError(f"the forms are {', '.join(EVENT_FORMATS)}")
        return formats

    @model_validator(mode="after")
    def _check_history(self) -> "Settings":
        if self.history_days and not self.events:
            raise ValueError("history_days spreads a number of events: set `events` as well")
        return self

    @field_validator("budgets")
    @classmethod
    def _check_budgets(cls, budgets: tuple[Budget, ...]) -> tuple[Budget, ...]:
        budget_by_name(budgets)
        return budgets

    @model_validator(mode="after")
    def _check_budget_types(self) -> "Settings":
        for budget in self.budgets:
            if budget.type is not None and budget.type not in self.types:
                raise ValueError(
                    f"budgets: {budget.name} is of type {budget.type!r}, not one of the types {', '.join(self.types)}"
                )
        return self

    @model_validator(mode="after")
    def _check_references(self) -> "Settings":
        names = ("repeat_share", "conflict_share", "void_share", "replace_share")
        if any(getattr(self, name) for name in names) and not (self.keyed and self.dedup_window_days):
            raise ValueError(
                f"{', '.join(names)} make records that refer to earlier ones by their ids: set `keyed`, so that they "
                "are read in their order, and `dedup_window_days`, so that ids are known; or leave them at 0"
            )
        return self

    @model_validator(mode="after")
    def _check_default_type(self) -> "Settings":
        if self.default_type not in self.types:
            raise ValueError(f"default_type {self.default_type!r} is not one of the types {', '.join(self.types)}")
        return self

    @property
    def counted_topic(self) -> str:
        """The topic that is counted from, whose partitions and offsets progress records speak of."""
        return self.keyed_topic if self.dedup_scope == "topic" else self.input_topic

    @property
    def token_rules(self) -> TokenRules:
        """Which tokens of an identity provider are taken, if `token_jwks` is set."""
        scopes = TokenScopes(self.token_scopes_claim, self.token_scopes, self.token_customer_claim)
        return TokenRules(
            issuer=self.token_issuer,
            audience=self.token_audience,
            algorithms=frozenset(self.token_algorithms),
            leeway_seconds=self.token_leeway_seconds,
            scopes=scopes,
        )

    @cached_property
    def clock(self) -> SystemClock | SimulatedClock:
        """What counts as now: the wall clock, or the simulation's."""
        if self.simulation_speed == 0:
            return SystemClock()
        return SimulatedClock(self.simulation_start_ms, self.simulation_anchor_ms, self.simulation_speed)

    @property
    def event_rules(self) -> EventRules:
        """What an event must keep to."""
        return EventRules(
            types=self.types,
            default_type=self.default_type,
            max_event_bytes=self.max_event_bytes,
            max_future_ms=int(self.max_future_seconds * 1_000),
            min_event_ms=parse_limit(self.min_event_time),
        )


def describe_settings(settings: Settings) -> dict[str, object]:
    """Return all settings as JSON has them; what is secret is masked."""
    return {name: _described(name, value) for name, value in settings.model_dump(mode="json").items()}


def _described(name: str, value: Any) -> object:
    if name == _OPTIONS:
        return {option: masked_option(option, given) for option, given in value.items()}
    if not is_secret(name):
        return masked_text(value)
    return [MASK for _ in value] if isinstance(value, list) else MASK if value else value


def is_secret(name: str) -> bool:
    """Say whether the value of a setting is secret as a whole. Of the setting `kafka`, some options are."""
    extra = Settings.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    return bool(extra["secret"])


def secrets_in(settings: Settings) -> list[str]:
    """Return the secrets that settings hold themselves; those in files are not among them."""
    found = secrets_of_options(settings.kafka)
    for name in filter(is_secret, Settings.model_fields):
        value = getattr(settings, name)
        found += [str(one) for one in (value if isinstance(value, tuple) else (value,)) if one]
    return found


def setting_parts(name: str) -> list[str]:
    """Return the parts that read a setting."""
    extra = Settings.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    parts = extra["parts"]
    assert isinstance(parts, list)
    return [str(part) for part in parts]


def load_settings(
    flags: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    config_file: Path | None = None,
) -> Settings:
    """Return the settings of all sources together.

    Args:
        flags: settings given on the command line, by name.
        environment: environment variables; None takes the process's own.
        config_file: a YAML file; None takes the one that ``QB_CONFIG`` names, if it does.

    Raises:
        SettingsError: a value that is not allowed, a name that is none, or a file that can't be read.
    """
    environment = os.environ if environment is None else environment
    if config_file is None and environment.get(CONFIG_VARIABLE):
        config_file = Path(environment[CONFIG_VARIABLE])
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    sources = (
        (_read_file(config_file) if config_file else {}, f"in {config_file}"),
        (_read_environment(environment), "in the environment"),
        (dict(flags or {}), "on the command line"),
    )
    for source, origin in sources:
        values.update(source)
        origins.update(dict.fromkeys(source, origin))
    _add_kafka_file(values, origins)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError("\n".join(_describe(fault, origins) for fault in error.errors())) from None


def _add_kafka_file(values: dict[str, object], origins: dict[str, str]) -> None:
    """Put the options of `kafka_file`, if there is one, on top of those in `kafka`.

    Raises:
        SettingsError: the file can't be read.
    """
    if not (name := values.get(_OPTIONS_FILE)):
        return
    try:
        options = _parse_map(values.get(_OPTIONS, {}))
    except ValueError:
        return  # the model tells what is wrong with it
    if isinstance(options, dict):
        values[_OPTIONS] = {**options, **_read_file(Path(str(name)), f"{_OPTIONS_FILE} ")}
        given = f"{origins[_OPTIONS]} and " if _OPTIONS in origins else ""
        origins[_OPTIONS] = f"{given}in {name}"


def _read_file(path: Path, what: str = "config file ") -> dict[str, object]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{what}{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{what}{path}: not YAML: it is not UTF-8") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{what}{path}{_place(error)}: not YAML: {_problem(error)}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{what}{path}: expected a map of settings")
    return {str(name): value for name, value in content.items()}


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _problem(error: yaml.YAMLError) -> str:
    """Return what is wrong, without the line itself: a password may stand in it."""
    return without_quotes(" ".join(str(getattr(error, "problem", None) or "it cannot be read").split()))


def unknown_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with our prefix that name no setting, each with what it may be instead."""
    known = {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    found = {}
    for variable in sorted(environment):
        others = variable in known | _OTHER_VARIABLES or variable.startswith(_TEST_PREFIX)
        if variable.startswith(ENVIRONMENT_PREFIX) and not others:
            near = get_close_matches(variable, known, n=1)
            found[variable] = "Kubernetes sets it for a service" if _SERVICE_LINK.search(variable) else "".join(near)
    return found


def _read_environment(environment: Mapping[str, str]) -> dict[str, object]:
    """Take the variables that name a setting; others with the prefix belong to somebody else."""
    names = {ENVIRONMENT_PREFIX + name.upper(): name for name in Settings.model_fields}
    return {names[variable]: text for variable, text in environment.items() if variable in names}


def _describe(fault: Mapping[str, Any], origins: Mapping[str, str]) -> str:
    if not fault["loc"]:
        return str(fault["msg"]).removeprefix("Value error, ")
    name = str(fault["loc"][0])
    origin = f" ({origins[name]})" if name in origins else ""
    if fault["type"] == "extra_forbidden":
        return f"{_place_in_list(fault['loc'])}{origin}: there is no such setting"
    message = str(fault["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if name in Settings.model_fields and is_secret(name):
        return f"{name}{origin}: {message}"
    if name == _OPTIONS:
        # Its values may be secret.
        return f"{'.'.join(map(str, fault['loc'][:2]))}{origin}: {message}"
    if name == "budgets":
        return f"{_place_in_list(fault['loc'])}{origin}: {message}"
    hint = _SERVICE_HINT if str(fault["input"]).startswith("tcp://") else ""
    return f"{name} = {masked_text(repr(fault['input']))}{origin}: {message}{hint}"


def _place_in_list(location: Sequence[str | int]) -> str:
    """Return where a fault is, such as `budgets[0].amount`."""
    first, *rest = location
    return str(first) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
