package conf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseSize reads nginx's sizes: bytes, or with k, m or g (any case) behind.
func ParseSize(s string) (int64, error) {
	digits, unit := s, int64(1)
	if n := len(s); n > 0 {
		switch s[n-1] {
		case 'k', 'K':
			digits, unit = s[:n-1], 1<<10
		case 'm', 'M':
			digits, unit = s[:n-1], 1<<20
		case 'g', 'G':
			digits, unit = s[:n-1], 1<<30
		}
	}
	v, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || int64(v) > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is not a size, expected a number of bytes or one with k, m or g behind it", s)
	}
	return int64(v) * unit, nil
}

// timeUnits are nginx's units of time, largest first; a month has 30 days, a year 365.
var timeUnits = []struct {
	name string
	unit time.Duration
}{
	{"y", 365 * 24 * time.Hour}, {"M", 30 * 24 * time.Hour}, {"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour},
	{"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond},
}

// ParseTime reads nginx's times: seconds, or numbers with the units
// y M w d h m s ms, large to small, as in "1h 30m".
func ParseTime(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a time, expected seconds or numbers with the units y, M, w, d, h, m, s, ms", s)
	rest, total, last := strings.TrimSpace(s), time.Duration(0), -1
	if rest == "" {
		return 0, bad
	}
	for rest != "" {
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		v, err := strconv.ParseInt(rest[:n], 10, 64)
		if err != nil {
			return 0, bad
		}
		rest = rest[n:]
		n = 0
		for n < len(rest) && rest[n] >= 'A' && rest[n] <= 'z' {
			n++
		}
		name := rest[:n]
		rest = strings.TrimLeft(rest[n:], " ")
		if name == "" {
			name = "s"
		}
		at := -1
		for i, u := range timeUnits {
			if u.name == name {
				at = i
			}
		}
		if at <= last || v > int64(math.MaxInt64/timeUnits[at].unit) {
			return 0, bad
		}
		add := time.Duration(v) * timeUnits[at].unit
		if total > math.MaxInt64-add {
			return 0, bad
		}
		total, last = total+add, at
	}
	return total, nil
}

// onOff reads a switch; ok is false when the text is neither.
func onOff(s string) (on, ok bool) {
	switch s {
	case "on", "true":
		return true, true
	case "off", "false":
		return false, true
	}
	return false, false
}

// list splits a comma separated value; entries are trimmed and empty ones dropped.
func list(s string) []string {
	var out []string
	for _, e := range strings.Split(s, ",") {
		if e = strings.TrimSpace(e); e != "" {
			out = append(out, e)
		}
	}
	return out
}
