"""The invoice files: one folder per month, made from the ledger alone, so that they can be made again at any time.

::

    2026-10/
      invoices.csv     one row per invoice
      lines.csv        a line or adjustment a row
      invoices.jsonl   one line per invoice, with everything in it
      pages/000/2026-10-000042.html   a printable page an invoice, a thousand in a folder
      SHA256SUMS       the checksum of each file above, for `sha256sum -c`
      manifest.json    counts, totals, size and checksum of the files; written last

A folder has its final name only when it is complete.
"""
