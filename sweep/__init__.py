"""Judge detectors at scale: market data, engine, search, evidence, stores and reports.

Every subfolder is one stage; `jobs` calls one function of it per command.
"""
