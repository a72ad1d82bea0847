"""`qb explain`: lists the events that make up a number, adds them, and says whether they are it.

Exit codes: 0 they are it, 1 they are not or it cannot be told, 130 it was stopped.
"""

import argparse
import sys

from billing.period import month_calendar
from billing.runtime.signals import StopFlag
from billing.settings import Settings
from qb.explain.conclusion import Conclusion, Kind, conclude
from qb.explain.fates import marked
from qb.explain.output import CsvOutput, JsonOutput, Output, TextOutput
from qb.explain.question import Question, parse_question
from qb.explain.reading_display import ReadingDisplay, stopped_plainly
from qb.explain.scope import Sums, figures
from qb.explain.sources import Sources

EXIT_IS_IT = 0
EXIT_IS_NOT_IT = 1


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Explain what is asked, print it and return the exit code.

    Raises:
        OperatorError: the words make no question, a topic can't be read, or there is no such invoice.
        KeyboardInterrupt: it was stopped, and has said so.
    """
    question = parse_question(arguments.subject, arguments.month, arguments.type, settings.types)
    with stopped_plainly(settings.bootstrap_servers) as stop:
        conclusion = explain(settings, question, _output(arguments), stop)
    return EXIT_IS_IT if conclusion.kind is Kind.IS_IT else EXIT_IS_NOT_IT


def explain(settings: Settings, question: Question, output: Output, stop: StopFlag) -> Conclusion:
    """Explain what is asked. Each record goes to the output as it is found, or once all are if some may be taken back.

    Raises:
        OperatorError: a topic can't be read, or there is no such invoice.
        StoppedError: somebody asked to stop.
        KafkaException: the broker refuses.
    """
    with ReadingDisplay(stop) as display:
        sources = Sources(settings, month_calendar(settings.time_zone), display)
        asked, sums = sources.ask(question), Sums()
        output.begin(asked)
        sys.stdout.flush()
        listed = sources.listed(asked)
        for one in marked(listed) if asked.may_be_taken_back else listed:
            sums.add(one)
            output.add(one)
    compared = list(figures(asked.told, sums.found))
    conclusion = conclude(asked, compared, sources.deleted())
    output.end(asked, compared, sums.fates, conclusion)
    return conclusion


def _output(arguments: argparse.Namespace) -> Output:
    if arguments.json:
        return JsonOutput()
    return CsvOutput() if arguments.csv else TextOutput()
