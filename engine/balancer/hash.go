package balancer

import (
	"crypto/rand"
	"encoding/hex"
	"slices"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

// HashOn is what a hash is made of.
type HashOn uint8

// The inputs of hashing, by their names in the upstream's schema.
const (
	HashNone HashOn = iota
	HashConsumer
	HashIP
	HashHeader
	HashCookie
	HashPath
	HashQueryArg
	HashURICapture
)

func parseHashOn(s string) HashOn {
	switch s {
	case "consumer":
		return HashConsumer
	case "ip":
		return HashIP
	case "header":
		return HashHeader
	case "cookie":
		return HashCookie
	case "path":
		return HashPath
	case "query_arg":
		return HashQueryArg
	case "uri_capture":
		return HashURICapture
	}
	return HashNone
}

// Hasher gives what a request is hashed on; only consistent-hashing asks.
type Hasher interface {
	// HashValues appends the values to dst and returns it, unchanged when the
	// request has none:
	//
	//	HashConsumer    the id of the consumer, else of the credential
	//	HashIP          the client's address (the forwarded one behind trusted_ips)
	//	HashHeader      the header's values in order
	//	HashCookie      the cookie's value
	//	HashPath        the normalised request path as the client sent it, without query
	//	HashQueryArg    the argument's decoded values
	//	HashURICapture  the route's capture by name, or by number where name is one
	HashValues(on HashOn, name string, dst []string) []string
}

// hashing is the upstream's settings for keys.
type hashing struct {
	on, fallback         HashOn
	onName, fallbackName string
	cookiePath           string
}

func newHashing(u *entity.Upstream) hashing {
	h := hashing{on: parseHashOn(u.HashOn), fallback: parseHashOn(u.HashFallback), cookiePath: u.HashOnCookiePath}
	if h.cookiePath == "" {
		h.cookiePath = "/"
	}
	h.onName = hashName(h.on, u.HashOnHeader, u.HashOnCookie, u.HashOnQueryArg, u.HashOnURICapture)
	h.fallbackName = hashName(h.fallback, u.HashFallbackHeader, u.HashOnCookie, u.HashFallbackQueryArg, u.HashFallbackURICapture)
	return h
}

func hashName(on HashOn, header, cookie, arg, capture string) string {
	switch on {
	case HashHeader:
		return header
	case HashCookie:
		return cookie
	case HashQueryArg:
		return arg
	case HashURICapture:
		return capture
	}
	return ""
}

// key is the request's place on the ring, the same for all its tries. Without
// a value and without a fallback all requests have the same.
func (h *hashing) key(k Hasher, t *Tries) uint64 {
	if t == nil {
		t = new(Tries)
	}
	if t.keyed {
		return t.key
	}
	t.keyed = true
	if k == nil {
		return t.key
	}
	if key, ok := h.of(k, t, h.on, h.onName); ok {
		t.key = key
	} else if key, ok := h.of(k, t, h.fallback, h.fallbackName); ok {
		t.key = key
	}
	return t.key
}

// of hashes one input. A cookie always has a value: it is made where the
// request has none.
func (h *hashing) of(k Hasher, t *Tries, on HashOn, name string) (uint64, bool) {
	if on == HashNone {
		return 0, false
	}
	values := k.HashValues(on, name, t.values[:0])
	t.values = values[:0]
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		if on != HashCookie {
			return 0, false
		}
		value := uuid()
		t.SetCookie = name + "=" + value + "; Path=" + h.cookiePath + "; Same-Site=Lax; HttpOnly"
		values = append(t.values[:0], value)
	}
	if on == HashQueryArg && len(values) > 1 {
		// The order of a repeated argument does not count.
		slices.Sort(values)
	}
	hash := hashInit
	for i, v := range values {
		if i > 0 {
			hash = hashString(hash, ",")
		}
		hash = hashString(hash, v)
	}
	return hashMix(hash), true
}

// uuid is a random UUID (version 4).
func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// The hash must be the same on every node and after every restart, so that
// nodes agree on a client's target: FNV-1a with a finalizer that spreads
// similar strings over the ring.
const hashInit uint64 = 14695981039346656037

func hashString(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func hashMix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
