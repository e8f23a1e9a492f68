"""The contract of client and worker: messages, states, progress, errors, limits, keys, time."""
