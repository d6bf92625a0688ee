package lua

// clientSocket is the client's connection or request body as a socket.
type clientSocket struct{}

func (s *clientSocket) close()       {}
func (s *clientSocket) send(c *Call) {}
