"""From client to client, without the server (protocol.md, "Client to client")."""
