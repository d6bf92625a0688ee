// Package correlationid is the plugin correlation-id: every request carries an
// id, so that what it caused can be found in all logs. Read schema.go first.
package correlationid

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

type handler struct {
	*Config
	generate func(dst []byte, k *pdk.Kong) []byte
}

var (
	_ plugin.Accessor       = (*handler)(nil)
	_ plugin.HeaderFilterer = (*handler)(nil)
)

func newHandler(c *Config) plugin.Handler {
	h := &handler{Config: c}
	switch c.Generator {
	case "uuid":
		h.generate = func(dst []byte, _ *pdk.Kong) []byte { return appendUUID(dst) }
	case "tracker":
		h.generate = appendTracker
	default:
		h.generate = appendCounted
	}
	return h
}

// keyID is where access leaves the id for header_filter.
const keyID = "id"

func (h *handler) Access(k *pdk.Kong) error {
	id := k.Request.Header(h.HeaderName)
	if strings.TrimSpace(id) == "" {
		var buf [96]byte
		id = string(h.generate(buf[:0], k))
		if err := k.Service.Request.SetHeader(h.HeaderName, id); err != nil {
			return err
		}
	}
	if h.EchoDownstream {
		k.Ctx.Set(keyID, id)
	}
	return nil
}

func (h *handler) HeaderFilter(k *pdk.Kong) error {
	if !h.EchoDownstream {
		return nil
	}
	id, ok := k.Ctx.Get(keyID).(string)
	if !ok { // the request ended before access: the client's own id, if it sent one
		id = k.Request.Header(h.HeaderName)
	}
	if id == "" {
		return nil
	}
	return k.Response.SetHeader(h.HeaderName, id)
}

// The process's part of uuid#counter: one UUID, and a count that all workers
// and configurations share.
var (
	processID = string(appendUUID(nil))
	count     atomic.Uint64
)

// appendCounted appends UUID#N, unique within the process without asking for
// random bits.
func appendCounted(dst []byte, _ *pdk.Kong) []byte {
	dst = append(append(dst, processID...), '#')
	return strconv.AppendUint(dst, count.Add(1), 10)
}

// pid is the process's number, a part of tracker ids.
var pid = strconv.Itoa(os.Getpid())

// appendTracker appends where and when the request came in:
// address-port-process-connection-request-time.
func appendTracker(dst []byte, k *pdk.Kong) []byte {
	x := k.X
	dst = append(append(dst, x.Bytes(x.ServerAddr)...), '-')
	dst = append(strconv.AppendUint(dst, uint64(x.ServerPort), 10), '-')
	dst = append(append(dst, pid...), '-')
	dst = append(strconv.AppendUint(dst, x.ConnectionSerial, 10), '-')
	dst = append(strconv.AppendUint(dst, x.ConnectionRequests, 10), '-')
	return strconv.AppendFloat(dst, x.StartTime, 'f', 3, 64)
}

// appendUUID appends a random UUID (RFC 9562, version 4). It tells requests
// apart and is no secret, so the process's fast generator is good enough.
func appendUUID(dst []byte) []byte {
	hi, lo := rand.Uint64(), rand.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0xc0<<56) | 0x80<<56
	const digits = "0123456789abcdef"
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			dst = append(dst, '-')
		}
		v := hi
		if i >= 16 {
			v = lo
		}
		dst = append(dst, digits[v>>(60-4*(i%16))&15])
	}
	return dst
}
