"""`qb audit`: audits what is in Kafka and on the disk, and prints what it finds."""

import argparse

from billing.settings import Settings
from qb.audit.audit import Audit
from qb.audit.findings import Findings
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
    findings = audit(settings)
    if arguments.json:
        print(render_json(findings))
    else:
        print_report(findings)
    return EXIT_CLEAN if findings.is_clean else EXIT_DIFFERENT


def audit(settings: Settings) -> Findings:
    """Return what an audit of everything finds.

    Raises:
        OperatorError: a topic can't be read, or the input topic does not exist.
    """
    with KafkaSources(settings) as sources, scratch_database() as database:
        return Audit(settings, sources, database).run()
