"""The input files of a model: the manifest, and how they are staged on a host."""
