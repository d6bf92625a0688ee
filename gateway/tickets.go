package gateway

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"time"
)

// ticketMark begins what the gateway adds to a session ticket: the time of the
// session's first handshake, and the server name that it was for.
const ticketMark = "gibbon1"

// limitTickets has sessions of c be resumed for life at most (setting
// ssl_session_timeout), and only under the server name that they began with:
// which certificate is served, and whether the client has to show one, depends on it.
//
// keys encrypts the tickets: one Config for all listeners of all workers, since
// a client's next connection may come to any of them.
func limitTickets(c, keys *tls.Config, life time.Duration) {
	c.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		if _, _, ok := ticketNote(ss.Extra); !ok { // a resumed session keeps its own
			ss.Extra = append(ss.Extra, noteFor(time.Now(), cs.ServerName))
		}
		return keys.EncryptTicket(cs, ss)
	}
	c.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		ss, err := keys.DecryptTicket(identity, cs)
		if err != nil || ss == nil {
			return nil, err
		}
		if began, name, ok := ticketNote(ss.Extra); !ok || name != cs.ServerName || time.Since(began) > life {
			return nil, nil // a full handshake
		}
		return ss, nil
	}
}

func noteFor(t time.Time, name string) []byte {
	return append(binary.BigEndian.AppendUint64([]byte(ticketMark), uint64(t.UnixMilli())), name...)
}

// ticketNote finds what noteFor made.
func ticketNote(extra [][]byte) (began time.Time, name string, ok bool) {
	for _, e := range extra {
		if rest, found := bytes.CutPrefix(e, []byte(ticketMark)); found && len(rest) >= 8 {
			return time.UnixMilli(int64(binary.BigEndian.Uint64(rest))), string(rest[8:]), true
		}
	}
	return time.Time{}, "", false
}
