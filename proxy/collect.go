package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gibbon-gateway/gibbon/engine/spool"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// A response is collected where a plugin has a response phase or asked for
// buffering. Streams are not held up by that:
//
//   - text/event-stream is never collected: the response phase runs with its
//     head, and events pass as they come.
//   - A gRPC response is collected while it can be that of a unary call: at
//     most one message, after the request's end, within callPatience of its
//     head. What goes on longer is a stream: the response phase runs with what
//     came so far, and the rest passes as it comes.
const (
	// callPatience is in nanoseconds.
	callPatience = 200e6
	// collectMemory is how much of a collected response stays in memory, the
	// rest goes to a file; Options.MaxCollected bounds both.
	collectMemory = 64 << 10
)

// Why a response cannot be collected, for reasons of our own: see
// collectedTooLarge for what is logged of the first.
var (
	errCollectedTooLarge = errors.New("the response is too large to be buffered")
	errNotStored         = errors.New("a response cannot be buffered")
)

func collectedTooLarge(max int64) error {
	return fmt.Errorf("%w for a plugin's response phase or enable_buffering: upstream sent more than %d bytes (buffered_response_limit)", errCollectedTooLarge, max)
}

// response step: where the whole response is wanted first, collect it, then
// run the plugins' response phase.
func (r *request) response() plugin.Outcome {
	if r.socket != nil {
		return r.webSocketAnswered()
	}
	if r.Times.UpstreamHead != 0 && r.run.NeedsBuffering() {
		r.k.Balance.Buffering = true
	}
	if !r.k.Balance.Buffering || r.out.raw || r.out.upgraded || r.Bits&message.BitUpgrade != 0 {
		return plugin.Continue
	}
	o := &r.out
	if !o.buffered {
		done, err := r.collectResponse()
		if err != nil {
			if errors.Is(err, errNotStored) {
				r.w.srv.logRequest(r, "buffering", err.Error())
			} else {
				r.w.srv.logRequest(r, "upstream", err.Error()+" while reading upstream")
			}
			return r.truncated(err)
		}
		if !done && !o.live {
			return plugin.Suspend
		}
		r.graceOver()
		o.collecting, o.buffered = false, true
		if done {
			o.live = false
			r.Times.UpstreamEnd = r.w.Loop.Now()
			r.leaveUpstream()
		}
		r.rebuilt()
	}
	return r.run.Phase(&r.k, phase.Response)
}

// graceOver: the collecting of a response, if there was any, is over.
func (r *request) graceOver() {
	if r.grace != nil {
		r.grace.Off()
	}
}

// collectResponse moves what is there into the spool; true at the end. It
// finds out whether the response is a stream.
func (r *request) collectResponse() (done bool, err error) {
	o := &r.out
	call := r.grpcUpstream()
	if !o.collecting {
		o.collecting = true
		r.Bits |= message.BitBuffered
		if o.spool == nil {
			o.spool, _ = take(&r.w.spools)
		}
		o.spool.Init(spool.Options{MemoryLimit: collectMemory, MaxSize: r.w.srv.Options.MaxCollected, Dir: r.w.srv.Options.SpoolDir})
		if o.live = !call && r.isStream(); o.live {
			return false, nil
		}
		if call {
			if r.grace == nil {
				r.grace = new(loop.Timer)
				r.grace.Init(r.w.Loop, r.release)
			}
			r.grace.After(callPatience)
		}
	}
	for {
		data, done, err := r.nextUpstream()
		if err != nil {
			return false, err
		}
		if len(data) > 0 {
			if err := o.spool.Write(data); err == spool.ErrTooLarge {
				return false, collectedTooLarge(r.w.srv.Options.MaxCollected)
			} else if err != nil {
				return false, fmt.Errorf("%w: %w", errNotStored, err)
			}
			if !call || !r.severalMessages() {
				continue
			}
			o.live = true
		}
		o.live = o.live || o.released
		return done, nil
	}
}

// isStream says whether the response is one whose parts must not be held up.
func (r *request) isStream() bool {
	if r.grpcUpstream() {
		return true
	}
	f := r.FindID(&r.Response, message.HeaderContentType)
	if f == nil {
		return false
	}
	const events = "text/event-stream"
	v := r.ValueOf(f)
	return len(v) >= len(events) && bytes.EqualFold(v[:len(events)], []byte(events)) && (len(v) == len(events) || v[len(events)] == ';' || v[len(events)] == ' ')
}

// severalMessages says whether what was collected of a gRPC response is more
// than a unary call's: more than one message, or one before the request's end.
func (r *request) severalMessages() bool {
	const prefix = 5 // a flag, and the length of the message
	var b [prefix]byte
	s := r.out.spool
	if n, _ := s.ReadAt(b[:], 0); n < prefix {
		return false
	}
	first := prefix + int64(binary.BigEndian.Uint32(b[1:]))
	return s.Len() > first || s.Len() == first && !r.body.done
}

// release ends the wait for the end of a gRPC response.
func (r *request) release() {
	if r.suspended && r.step == stepResponse && r.out.collecting {
		r.out.released = true
		r.resume()
	}
}

// rebuilt makes of a collected response one of our own, as the reference's
// subrequest does: its own status text, dashes in field names.
func (r *request) rebuilt() {
	r.Reason = message.Str{}
	if r.Bits&bitUpstreamH2 != 0 {
		return // the reference has none of these
	}
	fs := r.Fields(&r.Response)
	for i := range fs {
		name := r.NameOf(&fs[i])
		for j, c := range name {
			if c == '_' {
				name[j] = '-'
			}
		}
	}
}

// truncated answers in place of a response that broke off while it was
// collected: with the upstream's status, as the reference has it.
func (r *request) truncated(err error) plugin.Outcome {
	r.out.collecting = false
	r.graceOver()
	r.leaveUpstream()
	r.Clear(&r.Response)
	r.Clear(&r.Trailer)
	if r.out.resetCode != 0 {
		r.out.aborted, r.keep = true, false
		r.step = stepFinish
		return plugin.Continue
	}
	status := int(r.UpstreamStatus)
	switch {
	case errors.Is(err, errNotStored):
		status = 500
	case r.isCall() || errors.Is(err, errCollectedTooLarge):
		status = 502
	}
	r.failProxy(status)
	r.Source = message.SourceExit
	r.step = stepHeaderFilter
	return plugin.Continue
}

// nextSpooled is the next piece of a collected response.
func (r *request) nextSpooled() ([]byte, bool, error) {
	o := &r.out
	left := o.spool.Len() - o.replay
	if left == 0 {
		if o.live {
			return r.nextUpstream()
		}
		return nil, true, nil
	}
	if b, ok := o.spool.Bytes(); ok {
		b = b[o.replay:]
		o.replay = o.spool.Len()
		return b, !o.live, nil
	}
	b := r.w.Loop.Buffer[:min(left, int64(len(r.w.Loop.Buffer)))]
	n, err := o.spool.ReadAt(b, o.replay)
	if n == 0 {
		return nil, false, err
	}
	o.replay += int64(n)
	return b[:n], !o.live && o.replay == o.spool.Len(), nil
}
