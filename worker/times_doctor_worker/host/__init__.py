"""What this host is and offers: name, registration, admission, which engines it can use now."""
