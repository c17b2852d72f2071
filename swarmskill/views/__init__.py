"""Everything a person sees of a run: functions from its state and events to text, rows and JSON."""
