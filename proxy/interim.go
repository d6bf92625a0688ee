package proxy

import (
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// earlyHints is the one interim status that passes from upstreams to clients
// (RFC 8297): 100 is the gateway's own affair, and others are of no use behind it.
const earlyHints = 103

// maxHints bounds the early hints of one request that pass, whose fields stay
// in memory until it is over.
const maxHints = 8

// takesHints says whether another 103 may pass now: to clients of HTTP/2 alone,
// since some of HTTP/1.1 take it for the answer (RFC 8297 section 3).
func (r *request) takesHints(status int) bool {
	if status != earlyHints || r.out.hints >= maxHints || r.HeadSent != 0 || r.gone {
		return false
	}
	_, ok := r.client.(*h2Stream)
	return ok
}

// passHints passes a 103 with the fields of t on, after takesHints.
func (r *request) passHints(t *message.Head) {
	r.out.hints++
	if r.client.room() { // else the client is behind with what came before: it needs no hints
		r.client.(*h2Stream).sendHints(t)
	}
}

// sendHints sends a 103 with the fields of t.
func (st *h2Stream) sendHints(t *message.Head) {
	w := st.s.Begin()
	w.Status(earlyHints)
	w.Table(st.r.Shared, t, &st.r.w.skip.response)
	_ = st.send(w, false) // if it fails, so does what follows
}
