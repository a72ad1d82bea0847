"""Where the read model's records come from. Each feed runs in threads of its own and never holds up an answer."""
