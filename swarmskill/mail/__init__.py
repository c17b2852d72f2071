"""File-based agent mail: messages, mailboxes, the carrier, leases on files, values that workers share."""
