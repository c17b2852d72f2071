"""A run as a trace for OpenTelemetry, made from its ledger when it is over."""
