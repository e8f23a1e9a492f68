"""The words both sides share: messages, states, progress, errors, limits, keys, time."""
