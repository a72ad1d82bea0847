"""`qb demo`: everything at once on one machine, as processes of their own, and a live table of it in the terminal.

Owns the demo's folder, its simulated time and the life of the processes. Knows of the business only what the exporter
tells over HTTP. Its parts: :mod:`.app` is the table of contents, :mod:`.folder` keeps what lasts, :mod:`.timeline` the
simulated time, :mod:`.plan` the settings, :mod:`.services` and :mod:`.supervisor` the processes, :mod:`.feed` asks the
exporter, :mod:`.screen` and :mod:`.plain` show it.
"""
