"""A second reader of the formats in SPECIFICATION.md, written from that page alone and sharing no code with the programs."""


class Refused(Exception):
    """Not in the format, or not what it claims to be. Nothing else may come out of a parser."""
