"""`qb topics`: what the topics are beside what they must be."""
