package pdk

import (
	"errors"

	"github.com/gibbon-gateway/gibbon/engine/spool"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// An inline handler runs on the worker's loop; a blocking one in a goroutine
// of its own, the job, while the loop goes on with other requests. A job that
// needs something of the loop (the request body that is still coming in) meets
// it here:
//
//	job                          loop
//	 │ Post(start) ─────────────▶ │
//	 │ (waits on a channel)       │ start runs; the exchange is the loop's
//	 │                            │ … bytes come in …
//	 │ ◀───────────── done(err) ─ │
//	 ▼ goes on, owner again
//
// While the job waits it touches nothing, so the exchange still has one owner
// at a time; the channel orders memory between the two. done comes exactly
// once, also when the client went away or a timeout struck: a job can not wait
// for ever.

// ErrBlocks is what Request.RawBody and Request.Body return to an inline
// handler that would have to wait for the body. The handler returns it in
// turn, before it has done anything, and is run again, in a job.
var ErrBlocks = errors.New("the handler has to wait and runs inline: it must return this error to be run again in a goroutine")

// onLoop runs fn on the worker's loop and waits for it.
func (k *Kong) onLoop(fn func() error) error {
	if !k.InJob {
		return fn()
	}
	back := make(chan error, 1)
	k.Worker.Loop.Post(func() { back <- fn() })
	return <-back
}

// readBody makes the request body complete; nil without one.
func (k *Kong) readBody() (*spool.Spool, error) {
	if b := k.Host.Body(); b != nil {
		return b, nil
	}
	if k.X.RequestBody == message.BodyNone || k.X.RequestBody == message.BodyLength && k.X.RequestBodyLength == 0 {
		return nil, nil
	}
	if !k.InJob {
		return nil, ErrBlocks
	}
	back := make(chan error, 1)
	k.Worker.Loop.Post(func() {
		ready, err := k.Host.ReadBody(func(err error) { back <- err })
		if ready || err != nil {
			back <- err
		}
	})
	if err := <-back; err != nil {
		return nil, err
	}
	return k.Host.Body(), nil
}
