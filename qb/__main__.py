"""Runs the command line as ``python -m qb``."""

from qb.cli import main

raise SystemExit(main())
