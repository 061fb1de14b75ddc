"""A local stand-in for the service, apart from the toolkit: it serves clients of any kind over real HTTP."""
