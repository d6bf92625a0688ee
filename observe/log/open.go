package log

import (
	"fmt"
	"os"
	"time"
)

// OpenError opens an error log among files. Lines that it loses are told in
// the log itself, or on standard error when the file takes nothing.
func OpenError(files *Files, path string, level Level) (*Logger, error) {
	var l *Logger
	var quiet time.Time // until then failures are not told again
	s, err := files.Open(path, Options{Dropped: func(lines uint64, err error) {
		if err == nil {
			l.Printf(Alert, nil, "%d lines of this log were dropped: they came faster than they could be written", lines)
			return
		}
		if now := time.Now(); now.After(quiet) {
			quiet = now.Add(time.Second)
			fmt.Fprintf(os.Stderr, "%d lines of %s were lost: %s\n", lines, path, err)
		}
	}})
	if err != nil {
		return nil, err
	}
	l = NewLogger(s, level)
	return l, nil
}

// accessDelay is how long access log lines may wait; nothing waits for them.
const accessDelay = 500 * time.Millisecond

// OpenAccess opens an access log's file among files; workers then make an
// Access each. Lines that it loses are told in errors, which may be nil.
func OpenAccess(files *Files, path string, errors *Logger) (*Sink, error) {
	return files.Open(path, Options{Delay: accessDelay, Limit: 8 << 20, Dropped: func(lines uint64, err error) {
		if err == nil {
			errors.Printf(Alert, nil, "%d lines of %s were dropped: they came faster than they could be written", lines, path)
		} else {
			errors.Printf(Alert, nil, "%d lines of %s were lost: %s", lines, path, err)
		}
	}})
}
