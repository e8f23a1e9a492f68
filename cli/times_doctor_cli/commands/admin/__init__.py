"""Commands for the operators of a team."""
