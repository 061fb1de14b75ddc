"""What the toolkit adds to a running IPython kernel."""
