"""From a verdict to the parameters in use: gate, hold-out regression, provenance, undo.

Order matters: a look at the hold-out is on record before it is taken, the promotion is one file
that is replaced whole, and everything else (SQL, `conf/detector/promoted/`) is made from it again.
"""
