"""The version of BigDL whose names and signatures these are."""

__version__ = "2.4.0"
