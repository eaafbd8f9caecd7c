"""Numbers that arguments of BigDL's take for "none"."""

INTMAX = 2147483647
INTMIN = -2147483648
DOUBLEMAX = 1.7976931348623157e308
