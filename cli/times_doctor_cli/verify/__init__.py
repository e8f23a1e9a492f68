"""What a GAMS that we do not have does: small models run by it, and a file about that to mail."""
