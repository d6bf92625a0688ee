package pdk

import (
	"errors"

	"github.com/gibbon-gateway/gibbon/engine/spool"
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

// errBodyNotHere is returned to inline handlers that would have to wait.
var errBodyNotHere = errors.New("the request body is not complete yet: a handler that reads it must not be declared inline")

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
	if !k.InJob {
		ready, err := k.Host.ReadBody(func(error) {})
		if err == nil && !ready {
			err = errBodyNotHere
		}
		return k.Host.Body(), err
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
