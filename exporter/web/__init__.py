"""What every endpoint shares: the table of routes, parameters, errors, health, and the OpenAPI document."""
