"""The sample model that `times-doctor demo` writes."""
