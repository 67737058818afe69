"""A cluster on one machine is disturbed in every way at hand; nothing may be lost."""
