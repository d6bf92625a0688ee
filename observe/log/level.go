package log

import (
	"fmt"
	"strings"
)

// Level is a severity with nginx's numbers, which are also those of the
// ngx.* log constants: a smaller number is more severe.
type Level uint8

// The levels, most severe first.
const (
	Stderr Level = iota // always written; ngx.STDERR
	Emerg
	Alert
	Crit
	Error
	Warn
	Notice
	Info
	Debug
)

var levelNames = [...]string{"stderr", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"}

// String is the level's name as it stands in brackets in a log line.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// ParseLevel reads the name of a level (debug, info, notice, warn, error, crit, alert, emerg, stderr).
func ParseLevel(name string) (Level, error) {
	for i, n := range levelNames {
		if n == name {
			return Level(i), nil
		}
	}
	return Notice, fmt.Errorf("unknown log level %q, expected one of %s", name, strings.Join(levelNames[:], ", "))
}
