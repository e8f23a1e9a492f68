"""Puts results of a scan into VEDA's and GAMS's folders."""
