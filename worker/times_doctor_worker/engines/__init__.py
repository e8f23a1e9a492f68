"""The engines behind one port: GAMS, and each solver without it."""
