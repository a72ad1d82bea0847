"""The page docs/topics.md, made from the rules."""

from collections.abc import Iterator

from billing.settings import Settings
from billing.topic_rules import MIN_IN_SYNC, RULES, Grade, Role, Rule
from billing.topics import topic_specs

INTRODUCTION = """\
<!-- Made from billing/topic_rules.py by `python -m qb.docs`: change that and run it again. -->
# Topics

What each topic must be. A part makes the topics it needs that do not exist, with every setting below, so that the
broker's defaults do not matter. It checks them when it starts and every `topic_check_seconds` while it runs.

- **refuse**: another value loses or doubles money. The part does not start, or stops before it writes again.
- **warn**: another value makes a loss possible or would stop billing. The part goes on and says so: a log line, the
  metric `billing_topic_warnings`, the alert `BillingTopicWarning`.

`qb topics` shows what is beside what must be; `--create` makes missing topics; `--fix` sets right what can be set on an
existing topic and says what it can't bring back; `--json` is for programs. Its exit code is 0 when all is right, 1 when
a topic is missing or refused, 3 when there are only warnings. What to do about a fault:
[Topics that are not what they must be](runbook.md#topics-wrong).
"""

_HEADER = """
| setting | must be | made with | another value | why |
|---|---|---|---|---|
"""


def render_topics() -> str:
    """Return the page as Markdown."""
    return INTRODUCTION + "".join(_section(role) for role in Role)


def _section(role: Role) -> str:
    plain, keyed = (topic_specs(Settings(instance="any", dedup_scope=scope)) for scope in ("partition", "topic"))
    name = (plain.get(role) or keyed[role]).name
    return f"\n## {role.capitalize()}: `{name}`\n{_HEADER}" + "".join(_rows(role))


def _rows(role: Role) -> Iterator[str]:
    for rule in RULES[role]:
        grade = "" if not rule.why else f"**{rule.wrong}**" if rule.wrong is Grade.REFUSE else rule.wrong.value
        yield f"| `{rule.setting}` | {rule.must_be} | {_made_with(role, rule)} | {grade} | {rule.why} |\n"


def _made_with(role: Role, rule: Rule) -> str:
    if rule.made_with is not None:
        return f"`{rule.made_with}`"
    if rule.setting == MIN_IN_SYNC:
        return "by the replicas"
    if rule.setting == "replication.factor":
        return "`replication_factor`"
    others = {
        Role.INVOICES: "`1`",
        Role.NOTIFICATIONS: "`1`",
        Role.MOVED: "`1`",
        Role.KEYED: "`keyed_partitions`",
        Role.CHANGELOG: "those of the input",
    }
    return others.get(role, "`input_partitions`")
