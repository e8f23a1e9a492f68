"""One run on this host: claim, stage, solve, watch, stop, collect, finish."""
