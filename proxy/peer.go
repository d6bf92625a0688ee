package proxy

// clientSide is a request's way to its client: a whole HTTP/1.1 connection
// (client_h1.go), or one stream of an HTTP/2 connection (client_h2.go).
//
// Bodies are taken and given with credit. A side takes all that it is given
// and keeps what the peer does not take now, which is at most one piece of a
// body, since the giver stops while there is no room. When there is room again
// the side calls request.clientDrained.
type clientSide interface {
	// pump takes request body bytes for as long as request.wantsBody, and hands
	// them to request.bodyData; request.bodyEnded tells the end.
	pump()
	// quiet stops waiting for body bytes.
	quiet()
	// bodyAtHand says that the whole of a body of unknown length is there.
	bodyAtHand() bool
	// atHand is how many bytes of it are there, where that is known before they are taken.
	atHand() int64
	// sendContinue sends 100 Continue.
	sendContinue()

	// begin puts the response head in front of the first piece.
	begin()
	// write adds a piece of the response body. p is the caller's again once it
	// calls room or flush.
	write(p []byte) error
	// end adds the end of the body, and the trailers of request.Trailer.
	end() error
	// flush sends what was written.
	flush() error
	// room says that the client takes more now; await limits the wait for it.
	room() bool
	await()
	// unsent says that the end is still to be sent: clientDrained comes.
	unsent() bool

	// part forgets the request, which is over. Then finished lets the client go
	// on if keep, and breakOff tells it that the response is incomplete; shows:
	// the mere end of what is sent shows that.
	part()
	finished(keep bool)
	breakOff(shows bool)
}

// upstreamSide is one try to have a request answered: a whole HTTP/1.1
// connection (upstream.go), or one stream of a shared HTTP/2 connection
// (upstream_h2.go). It tells the request what happens with resume, pumpBody,
// upstreamReadable, tryFailed and responseBroken.
type upstreamSide interface {
	// bodyData and bodyEnd stream the request body. room says that more of it
	// is taken now; when there is room again the side calls request.pumpBody.
	bodyData(p []byte) error
	bodyEnd()
	room() bool
	// answered says that the final response head came.
	answered() bool
	// next is the next piece of the response body; done: nothing follows. No
	// data, not done and no error: nothing is there now. data is valid until
	// the call ends in which it was asked for, or until the next piece.
	next() (data []byte, done bool, err error)
	// await gives the upstream its whole time for what it has to do next: read_timeout
	// to send something, write_timeout to take something. What the client is to
	// do next does not count.
	await()
	// leave gives the connection back, or up where it cannot be used again.
	leave()
}

var (
	_ clientSide   = (*clientConn)(nil)
	_ upstreamSide = (*upstreamConn)(nil)
)
