"""How far a running solve is."""
