"""Papers as protocols: what research groups built by hand, run from a file of configuration."""
