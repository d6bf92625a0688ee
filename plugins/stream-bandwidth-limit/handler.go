// Package streambandwidthlimit is the plugin stream-bandwidth-limit: how many
// bytes a second an L4 session may move. It is the model of a plugin that has
// to do with the bytes of a session; bucket.go counts. Read schema.go first.
package streambandwidthlimit

import (
	"strings"
	"sync"
	"time"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

type handler struct {
	*Config
	// all is the limit that everybody shares, clients are those of one address.
	all     *limits
	mu      sync.Mutex
	clients map[string]*limits
}

var _ plugin.Prereader = (*handler)(nil)

// maxClients bounds the addresses that are remembered; the silent ones go first.
const maxClients = 1 << 16

func newHandler(c *Config) plugin.Handler {
	return &handler{Config: c, all: newLimits(c), clients: map[string]*limits{}}
}

// Preread puts a meter between the two sides.
func (h *handler) Preread(k *pdk.Kong) error {
	switch h.LimitBy {
	case "all":
		k.Stream.Meter(h.all)
	case "client":
		k.Stream.Meter(h.client(k.Client.ForwardedIP()))
	default:
		k.Stream.Meter(newLimits(h.Config))
	}
	return nil
}

// client is the limit of an address.
func (h *handler) client(address string) *limits {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.clients[address]; l != nil {
		return l
	}
	if len(h.clients) >= maxClients {
		now := time.Now().UnixNano()
		for a, l := range h.clients {
			if l.idle(now) {
				delete(h.clients, a)
			}
		}
	}
	l := newLimits(h.Config)
	if len(h.clients) < maxClients { // else every address is busy: this one gets a limit of its own
		h.clients[strings.Clone(address)] = l
	}
	return l
}

// limits are the two buckets of whoever shares them.
type limits [2]bucket

func newLimits(c *Config) *limits {
	return &limits{pdk.Upload: newBucket(c.Upload, c.Burst), pdk.Download: newBucket(c.Download, c.Burst)}
}

// Allow implements pdk.StreamMeter.
func (l *limits) Allow(d pdk.Direction, want int) (int, time.Duration) {
	return l[d].allow(want, time.Now().UnixNano())
}

// Moved implements pdk.StreamMeter.
func (l *limits) Moved(d pdk.Direction, n int) { l[d].take(n, time.Now().UnixNano()) }

// idle says whether the limits are as good as new.
func (l *limits) idle(now int64) bool { return l[0].idle(now) && l[1].idle(now) }
