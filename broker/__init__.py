"""Apache Kafka itself, for the demo, the tests and a laptop; no part imports it.

Owns the jars, the Java, the processes, the folder and the ports of a cluster of one node or three. Does not own
topics or clients: those are the parts' own (:mod:`billing.runtime`), and the same on any cluster.

:mod:`.kafka_broker` is the way in. :mod:`.kafka_jars` gets the jars, :mod:`.java` a Java, :mod:`.kafka_config` says
how Kafka runs, :mod:`.node` runs one node, :mod:`.guard` sees to it that none outlives its owner.
"""
