"""Live video of a camera over a signaling channel: in JupyterLab, in a script, or as one picture of each camera."""
