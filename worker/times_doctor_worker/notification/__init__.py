"""Messages to people: whom, of what, in which words, and how they leave. Only a control worker has them."""
