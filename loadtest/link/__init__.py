"""A link as radio, satellite and broken cables are: TCP and UDP, delayed, lossy, narrow, cut. Needs no privileges."""
