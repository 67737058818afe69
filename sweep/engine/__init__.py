"""Turn signals into trades and trades into metrics, for one parameter set or millions.

Candidate tables hold the bars that the loosest searched set could take; first-passage tables
answer which exit level is hit first. Pure: arrays in, arrays out, no files, no Ray.
"""
