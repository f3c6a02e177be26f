"""What goes over the wire: one table of operations, one error envelope, one form for each answer."""
