package proxy

import (
	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// earlyHints is the one interim status that passes from upstreams to clients
// (RFC 8297): 100 is the gateway's own affair, and others are of no use behind it.
const earlyHints = 103

// maxHints bounds the early hints of one request that pass, whose fields stay
// in memory until it is over.
const maxHints = 8

// takesHints says whether another 103 may pass now.
func (r *request) takesHints(status int) bool {
	if status != earlyHints || r.out.hints >= maxHints || r.HeadSent != 0 || r.gone {
		return false
	}
	return r.HTTPMajor > 1 || r.HTTPMajor == 1 && r.HTTPMinor > 0
}

// passHints sends a 103 with the fields of t.
func (r *request) passHints(t *message.Head) {
	r.out.hints++
	if r.client.room() { // else the client is behind with what came before: it needs no hints
		r.client.sendHints(t)
	}
}

// sendHints implements clientSide.
func (c *clientConn) sendHints(t *message.Head) {
	r := c.req
	b := http1.AppendStatusLine(nil, earlyHints, []byte("Early Hints"))
	b = http1.AppendFields(b, r.Shared, t, &r.w.skip.response)
	b = append(b, "\r\n"...)
	r.BytesSent += uint64(len(b))
	if c.Write(b) != nil {
		c.HungUp = true
	}
}

// sendHints implements clientSide.
func (st *h2Stream) sendHints(t *message.Head) {
	w := st.s.Begin()
	w.Status(earlyHints)
	w.Table(st.r.Shared, t, &st.r.w.skip.response)
	_ = st.send(w, false) // if it fails, so does what follows
}
