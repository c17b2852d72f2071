"""The pure core: events in, effects out. It decides and does nothing.

Read `transitions` first: its head states the laws.
"""
