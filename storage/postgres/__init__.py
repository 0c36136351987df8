"""The parts that depend on PostgreSQL: connections, the schema, the full-text index, and leases of hosts by workers."""
