"""The command line: one command, `qb`, with a subcommand a part, plus the demo and the audit."""
