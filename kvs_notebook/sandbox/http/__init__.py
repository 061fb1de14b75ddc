"""The sandbox's HTTP and WebSocket server."""
