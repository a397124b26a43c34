"""The HTTP/1.1 transport of the load client, from the socket to the answer's token times."""
