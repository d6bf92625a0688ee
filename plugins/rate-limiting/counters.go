package ratelimiting

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"
)

// windowCount is the number of windows.
const windowCount = len(windows)

// key names what is counted: a configuration, and who used it.
type key struct{ plugin, identifier string }

// usage counts the requests of one key in its present windows.
type usage struct {
	started [windowCount]int64
	count   [windowCount]int64
}

// counters are the counters of all local policies of the process, which all
// workers share. They are spread over shards, each with a lock that is held
// for a look-up and an addition.
type counters struct {
	seed   maphash.Seed
	shards [shardCount]shard
}

const shardCount = 64

// maxKeys bounds how many keys a shard holds; above it, any goes.
const maxKeys = 1 << 15

type shard struct {
	sync.Mutex
	usages map[key]*usage
}

func newCounters() *counters { return &counters{seed: maphash.MakeSeed()} }

// take counts one request of k at now (seconds since the epoch) in every
// window that has a limit, unless one of them is full. used is how many
// requests each had before. k's strings may be views: they are cloned when kept.
func (c *counters) take(k key, limits *[windowCount]int64, now int64) (used [windowCount]int64, full bool) {
	s := &c.shards[maphash.String(c.seed, k.identifier)%shardCount]
	starts := startsOf(now, limits)
	s.Lock()
	defer s.Unlock()
	u := s.usages[k]
	if u == nil {
		u = s.add(k, now)
	}
	for w := range limits {
		if limits[w] == 0 {
			continue
		}
		if u.started[w] != starts[w] {
			u.started[w], u.count[w] = starts[w], 0
		}
		used[w] = u.count[w]
		full = full || used[w] >= limits[w]
	}
	if !full {
		for w := range limits {
			if limits[w] != 0 {
				u.count[w]++
			}
		}
	}
	return used, full
}

// add makes the usage of a new key. Each new key looks at a few old ones and
// drops those whose windows are over, so that the table stays small by itself.
func (s *shard) add(k key, now int64) *usage {
	if s.usages == nil {
		s.usages = map[key]*usage{}
	}
	looked := 0
	for old, u := range s.usages {
		if u.over(now) || len(s.usages) >= maxKeys {
			delete(s.usages, old)
		}
		if looked++; looked == 4 {
			break
		}
	}
	u := &usage{}
	s.usages[key{strings.Clone(k.plugin), strings.Clone(k.identifier)}] = u
	return u
}

// over says whether all windows of u have ended.
func (u *usage) over(now int64) bool {
	for w, started := range u.started {
		if started != 0 && endOf(w, started) > now {
			return false
		}
	}
	return true
}

// fixed are the lengths of windows that all have the same, in seconds.
var fixed = [...]int64{1, 60, 3600, 86400}

// startsOf gives the starts of the windows that have a limit, in UTC.
func startsOf(now int64, limits *[windowCount]int64) (starts [windowCount]int64) {
	for w, length := range fixed {
		starts[w] = now - now%length
	}
	if limits[4] != 0 || limits[5] != 0 {
		t := time.Unix(now, 0).UTC()
		starts[4] = time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC).Unix()
		starts[5] = time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	}
	return starts
}

// endOf is when window w that began at start ends.
func endOf(w int, start int64) int64 {
	switch windows[w] {
	case "month":
		return time.Unix(start, 0).UTC().AddDate(0, 1, 0).Unix()
	case "year":
		return time.Unix(start, 0).UTC().AddDate(1, 0, 0).Unix()
	}
	return start + fixed[w]
}
