package proxy

import "github.com/gibbon-gateway/gibbon/wire/message"

// earlyHints is the one interim status that passes from upstreams to clients
// (RFC 8297): 100 is the gateway's own affair, and others are of no use behind it.
const earlyHints = 103

// maxHints bounds the early hints of one request that pass, whose fields stay
// in memory until it is over.
const maxHints = 8

// hinted is the client's stream if another 103 may pass to it now, else nil:
// clients of HTTP/1.1 get none, since some take it for the answer (RFC 8297
// section 3).
func (r *request) hinted(status int) *h2Stream {
	if status != earlyHints || r.out.hints >= maxHints || r.HeadSent != 0 || r.gone {
		return nil
	}
	st, _ := r.client.(*h2Stream)
	return st
}

// sendHints sends a 103 with the fields of t, unless the client is behind with
// what came before: then it needs no hints.
func (st *h2Stream) sendHints(t *message.Head) {
	st.r.out.hints++
	if !st.room() {
		return
	}
	w := st.s.Begin()
	w.Status(earlyHints)
	w.Table(st.r.Shared, t, &st.r.w.skip.response)
	_ = st.send(w, false) // if it fails, so does what follows
}
