"""Options: contracts, Black-76, implied volatility, smiles, gamma exposure, pins. Pure, no I/O.

Vectorised over contracts x minutes of one underlying in one session (`session.gamma_minutes`).
"""
