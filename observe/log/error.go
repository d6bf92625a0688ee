package log

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// MaxLine is the longest line that the error log takes, in bytes; what is
// longer is cut, so that one plugin cannot fill the buffer with one message.
const MaxLine = 256 << 10

// Context is what a line of the error log says about the request behind it.
// Empty fields are left out.
type Context struct {
	// Connection is the serial number of the client's connection; 0 = none.
	Connection uint64
	// Action is what was being done ("reading response header from upstream"); it follows the message after "while".
	Action string
	// Phase says where Lua code ran without a request, e.g. "init_worker_by_lua*", "ngx.timer".
	Phase     string
	Client    string // address
	Server    string // kong
	Request   string // first line of the request
	Upstream  string // URL asked of the upstream
	Host      string
	Referrer  string
	RequestID string
}

// Logger is an error log in nginx's format with a level that can change at
// run time. All methods are safe for concurrent use; a nil *Logger drops
// everything.
//
// On a hot path ask On first and make the message only then: a line below the
// level costs one atomic load and no allocation.
type Logger struct {
	level atomic.Uint32
	out   *Buffer
	pid   string
}

// NewLogger makes a Logger that writes lines of level and more severe ones to s.
func NewLogger(s *Sink, level Level) *Logger {
	pid := strconv.Itoa(os.Getpid())
	l := &Logger{out: s.Buffer(), pid: pid + "#" + pid + ": "}
	l.SetLevel(level)
	return l
}

// Level is the least severe level that is written.
func (l *Logger) Level() Level {
	if l == nil {
		return Stderr
	}
	return Level(l.level.Load())
}

// SetLevel changes the level for all who use this Logger.
func (l *Logger) SetLevel(level Level) { l.level.Store(uint32(level)) }

// On says whether a line of this level is written.
func (l *Logger) On(level Level) bool {
	return l != nil && uint32(level) <= l.level.Load()
}

// scratch are buffers that lines are put together in.
var scratch = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// Message writes one line; c may be nil. The message is written as it is, line breaks included.
func (l *Logger) Message(level Level, c *Context, message string) {
	if !l.On(level) {
		return
	}
	p := scratch.Get().(*[]byte)
	b := l.appendLine((*p)[:0], level, c, message, time.Now())
	l.out.Write(b)
	if cap(b) <= 16<<10 {
		*p = b
		scratch.Put(p)
	}
}

// Printf is Message with a format.
func (l *Logger) Printf(level Level, c *Context, format string, args ...any) {
	if l.On(level) {
		l.Message(level, c, fmt.Sprintf(format, args...))
	}
}

// Errorf writes an error that no request is behind.
func (l *Logger) Errorf(format string, args ...any) { l.Printf(Error, nil, format, args...) }

// Warnf writes a warning that no request is behind.
func (l *Logger) Warnf(format string, args ...any) { l.Printf(Warn, nil, format, args...) }

// Noticef writes a notice that no request is behind.
func (l *Logger) Noticef(format string, args ...any) { l.Printf(Notice, nil, format, args...) }

// Infof writes an information that no request is behind.
func (l *Logger) Infof(format string, args ...any) { l.Printf(Info, nil, format, args...) }

// Debugf writes a debugging line that no request is behind; ask On first on a hot path.
func (l *Logger) Debugf(format string, args ...any) { l.Printf(Debug, nil, format, args...) }

// Flush returns when all lines written before are in the file.
func (l *Logger) Flush() error {
	if l == nil {
		return nil
	}
	return l.out.sink.Flush()
}

// appendLine appends `YYYY/MM/DD HH:MM:SS [level] PID#TID: *CONN message while action, client: …`.
func (l *Logger) appendLine(b []byte, level Level, c *Context, message string, now time.Time) []byte {
	b = append(b, at(now).errorLog...)
	b = append(b, " ["...)
	b = append(b, level.String()...)
	b = append(b, "] "...)
	b = append(b, l.pid...)
	if c != nil && c.Connection > 0 {
		b = append(b, '*')
		b = strconv.AppendUint(b, c.Connection, 10)
		b = append(b, ' ')
	}
	if len(message) > MaxLine {
		message = message[:MaxLine]
	}
	b = append(b, message...)
	if c != nil {
		b = c.append(b)
	}
	return append(b, '\n')
}

// append appends what follows a message.
func (c *Context) append(b []byte) []byte {
	if c.Action != "" {
		b = append(b, " while "...)
		b = append(b, c.Action...)
	}
	b = appendField(b, ", context: ", c.Phase, "")
	b = appendField(b, ", client: ", c.Client, "")
	b = appendField(b, ", server: ", c.Server, "")
	b = appendField(b, `, request: "`, c.Request, `"`)
	b = appendField(b, `, upstream: "`, c.Upstream, `"`)
	b = appendField(b, `, host: "`, c.Host, `"`)
	b = appendField(b, `, referrer: "`, c.Referrer, `"`)
	return appendField(b, `, request_id: "`, c.RequestID, `"`)
}

// appendField appends a field that a client may have chosen: control bytes are
// escaped, so that nobody outside can write lines of their own.
func appendField(b []byte, before, value, after string) []byte {
	if value == "" {
		return b
	}
	b = append(b, before...)
	b = appendEscaped(b, value, false)
	return append(b, after...)
}

const hex = "0123456789ABCDEF"

// appendEscaped appends s with control bytes, and with quotes also " \ and bytes above 126, as \xHH.
func appendEscaped(b []byte, s string, quotes bool) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != 0x7f && (!quotes || c != '"' && c != '\\' && c < 0x7f) {
			continue
		}
		b = append(b, s[from:i]...)
		b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		from = i + 1
	}
	return append(b, s[from:]...)
}
