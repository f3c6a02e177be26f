"""What travels between client and server: forms of requests and answers, in data and pure functions."""
