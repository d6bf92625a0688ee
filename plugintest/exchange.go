package plugintest

import (
	"os"
	"regexp"
	"strings"
	"time"
)

// Exchange is what came of one request.
type Exchange struct {
	// Response is nil where the connection ended without one; Err says how.
	Response *Response
	Err      error
	// Upstream are the requests that upstreams received, in order.
	Upstream []*Request
	// Ran are the phases that ran, in order.
	Ran []Ran
	// Log are the lines of the error log.
	Log []Line

	g *Gateway
}

// Line is a line of the error log.
type Line struct {
	// Level is debug, info, notice, warn, error, crit or alert; Message what follows it, without the request's data.
	Level, Message string
}

// String is "[level] message".
func (l Line) String() string { return "[" + l.Level + "] " + l.Message }

// look takes in what upstreams, phases and the log have to tell by now.
func (x *Exchange) look() {
	g := x.g
	x.Upstream = g.upstreams.requests()
	x.Ran = append(x.Ran, g.record.take()...)
	_ = g.log.Flush()
	b, err := os.ReadFile(g.dir + "/error.log")
	if err != nil || len(b) <= g.read {
		return
	}
	x.Log = append(x.Log, parseLog(string(b[g.read:]))...)
	g.read = len(b)
}

// Wait looks again, for at most a second, until good says that all is there:
// timers and background requests come after the response.
func (x *Exchange) Wait(good func(*Exchange) bool) bool {
	for end := time.Now().Add(time.Second); ; {
		if good(x) {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		time.Sleep(5 * time.Millisecond)
		x.look()
	}
}

var logLine = regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(\w+)\] \d+#\d+: (?:\*\d+ )?(.*)$`)

// parseLog splits the error log's text into lines; a message may have several.
func parseLog(text string) []Line {
	var lines []Line
	for _, s := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		m := logLine.FindStringSubmatch(s)
		if m == nil {
			if n := len(lines); n > 0 {
				lines[n-1].Message += "\n" + s
			}
			continue
		}
		lines = append(lines, Line{m[1], m[2]})
	}
	for i := range lines {
		m := lines[i].Message
		for _, mark := range []string{", client: ", ", context: "} {
			if at := strings.LastIndex(m, mark); at >= 0 {
				m = m[:at]
			}
		}
		lines[i].Message = m
	}
	return lines
}
