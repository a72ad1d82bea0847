"""`qb audit`: audits what is in Kafka and on the disk, and prints what it finds."""

import argparse

from billing.settings import Settings
from qb.audit.audit import Audit
from qb.audit.findings import KEPT_PER_CHECK, Findings
from qb.audit.moved_check import check_moved
from qb.audit.report import print_report, render_json
from qb.audit.scratch import scratch_database
from qb.audit.sources import KafkaSources

EXIT_CLEAN = 0
EXIT_DIFFERENT = 1


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Audit everything and print the result; return 0 if nothing differs and 1 otherwise.

    Raises:
        OperatorError: a topic can't be read, or the input topic does not exist.
    """
    findings = audit(settings, None if arguments.all else KEPT_PER_CHECK)
    if arguments.json:
        print(render_json(findings))
    else:
        print_report(findings)
    return EXIT_CLEAN if findings.is_clean else EXIT_DIFFERENT


def audit(settings: Settings, kept_per_check: int | None = KEPT_PER_CHECK) -> Findings:
    """Return what an audit of everything finds.

    Args:
        settings: topics, zone, and what an event must keep to.
        kept_per_check: how many differences of a check to name; None names all.

    Raises:
        OperatorError: a topic can't be read, or the input topic does not exist.
    """
    with KafkaSources(settings) as sources, scratch_database() as database:
        findings = Audit(settings, sources, database, Findings(kept_per_check=kept_per_check)).run()
        check_moved(settings, findings)
        return findings
