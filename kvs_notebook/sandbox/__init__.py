"""Local simulation of the service, independent of the toolkit: it serves any client over HTTP."""
