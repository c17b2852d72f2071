"""The user's git repository. All of git goes through here."""
