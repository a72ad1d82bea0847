"""`qb secrets`: makes the certificates, keys and passwords of a deployment, and hands each service its own."""
