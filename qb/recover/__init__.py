"""`qb recover`: why State, changelog, group offsets and input do not belong together, and what to do about it.

* `facts.py` holds what is found, `reading.py` reads it from Kafka and changes nothing.
* `rules.py` judges one input partition, with `known_input.py`; `conclusion.py` judges all of them, and `remedies.py`
  says what to do. These are pure.
* `applying.py` sets offsets, the one thing that this command ever changes in Kafka.
"""
