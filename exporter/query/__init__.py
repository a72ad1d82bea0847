"""What is asked of the read model, the same for REST and for the data source: months, types, customers, buckets."""
