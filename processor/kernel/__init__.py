"""Reads events where their bytes lie and sums them: compiled code that agrees with :func:`billing.event.decode_event`.

* `text.py`: numbers, names and hashes in bytes.
* `csv.py`, `json.py`: the two forms of an event.
* `rows.py`, `calendar.py`: what a record is made into; months and hours.
* `parse.py`: records into rows of numbers; what is unusual is left to the exact path.
* `table.py`: rows into sums per customer and month, and per hour.
* `encode.py`: sums into the records of `billing.subtotals`.
"""
