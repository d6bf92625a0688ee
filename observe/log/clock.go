package log

import (
	"sync/atomic"
	"time"
)

// stamp is one second in the forms that logs write it in.
type stamp struct {
	second               int64
	errorLog, local, iso string
}

var lastStamp atomic.Pointer[stamp]

// at formats a second once and remembers it: lines of the same second share the text.
func at(now time.Time) *stamp {
	second := now.Unix()
	if s := lastStamp.Load(); s != nil && s.second == second {
		return s
	}
	t := now.Local()
	s := &stamp{second, t.Format("2006/01/02 15:04:05"), t.Format("02/Jan/2006:15:04:05 -0700"), t.Format("2006-01-02T15:04:05-07:00")}
	lastStamp.Store(s)
	return s
}

// TimeLocal is nginx's $time_local, without an allocation but once a second.
func TimeLocal(now time.Time) string { return at(now).local }

// TimeISO8601 is nginx's $time_iso8601, without an allocation but once a second.
func TimeISO8601(now time.Time) string { return at(now).iso }
