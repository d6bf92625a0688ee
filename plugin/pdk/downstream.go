package pdk

import "errors"

// Downstream is the client's side of a request as a stream, beside the whole
// body of Host.ReadBody. A Host that cannot give it lacks the interface.
type Downstream interface {
	// StreamBody gives the request body as it comes, over HTTP/1.1 decoded if it
	// is chunked, over HTTP/2 with the client's credit following the reader.
	// From then on it is the caller's: the upstream gets an empty body, or the
	// one that SetBody gives. ErrNoBody, ErrBodyExists, ErrBodyDiscarded,
	// ErrTaken or ErrUnsupported. Loop.
	StreamBody() (BodyStream, error)
	// DiscardBody drops the body: what is still to come is read and forgotten.
	DiscardBody()
	// TakeRaw takes the connection over, behind the request's head. The gateway
	// itself sends nothing any more, and closes the connection when the request
	// ends. ErrTaken, or ErrUnsupported over HTTP/2. Loop.
	TakeRaw() (RawStream, error)
}

// What may be wrong with taking the client's side, in OpenResty's words.
var (
	ErrNoBody        = errors.New("no body")
	ErrBodyExists    = errors.New("request body already exists")
	ErrBodyDiscarded = errors.New("request body discarded")
	ErrTaken         = errors.New("duplicate call")
	ErrUnsupported   = errors.New("http v2 not supported yet")
)

// BodyStream is a request body.
type BodyStream interface {
	// Read gives body bytes: loop.ErrAgain when more comes later, io.EOF at
	// the end of the body, another error when the client broke off or the body
	// is malformed. Nothing is read ahead. Loop.
	Read(p []byte) (int, error)
	// Notify has fn called, on the loop, when Read may give more; nil = nobody.
	Notify(fn func())
}

// RawStream is a client's connection.
type RawStream interface {
	BodyStream
	// Write sends p; what the kernel does not take is kept. Loop.
	Write(p []byte) error
	// Pending is how many bytes wait for the kernel.
	Pending() int
	// Flushed has fn called, on the loop, when Pending is 0 again; nil = nobody.
	Flushed(fn func())
}
