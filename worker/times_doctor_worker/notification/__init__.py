"""Messages to people: recipients, events, text and sending. Only a control worker has them."""
