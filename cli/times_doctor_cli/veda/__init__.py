"""From a scan back into VEDA's and GAMS's folders."""
