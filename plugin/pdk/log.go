package pdk

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/gibbon-gateway/gibbon/observe/log"
)

// Log is kong.log: lines in the error log with the plugin's name and the
// request they belong to. A line below the log level costs nothing but its
// arguments.
type Log struct{ k *Kong }

// The levels, most severe first. Arguments are joined without blanks.
func (l *Log) Emerg(args ...any)  { l.write(log.Emerg, args) }
func (l *Log) Alert(args ...any)  { l.write(log.Alert, args) }
func (l *Log) Crit(args ...any)   { l.write(log.Crit, args) }
func (l *Log) Err(args ...any)    { l.write(log.Error, args) }
func (l *Log) Warn(args ...any)   { l.write(log.Warn, args) }
func (l *Log) Notice(args ...any) { l.write(log.Notice, args) }
func (l *Log) Info(args ...any)   { l.write(log.Info, args) }
func (l *Log) Debug(args ...any)  { l.write(log.Debug, args) }

// On says whether lines of a level are written; ask before making a costly one.
func (l *Log) On(level log.Level) bool { return l.k.Gateway != nil && l.k.Gateway.Log.On(level) }

// write puts a line together: "[kong] file:line [plugin] message".
func (l *Log) write(level log.Level, args []any) {
	if !l.On(level) {
		return
	}
	b := []byte("[kong] ")
	if _, file, line, ok := runtime.Caller(2); ok {
		dir, name := filepath.Split(file)
		b = append(b, filepath.Base(dir)+"/"+name+":"...)
		b = strconv.AppendInt(b, int64(line), 10)
		b = append(b, ' ')
	}
	if name := l.k.currentName(); name != "" {
		b = append(b, "["+name+"] "...)
	}
	for _, a := range args {
		if s, ok := a.(string); ok {
			b = append(b, s...)
		} else {
			b = fmt.Append(b, a)
		}
	}
	c := l.k.LogContext()
	l.k.Gateway.Log.Message(level, &c, string(b))
}

// LogContext is what a line of the error log says about the request.
func (k *Kong) LogContext() log.Context {
	x := k.X
	if x == nil || x.Shared == nil {
		return log.Context{}
	}
	c := log.Context{
		Connection: x.ConnectionSerial,
		Client:     x.View(x.RemoteAddr),
		Server:     "kong",
		Host:       x.Get(&x.Request, "Host"),
		RequestID:  x.View(x.RequestID),
	}
	if m := x.View(x.Method); m != "" {
		c.Request = m + " " + x.View(x.Target) + " " + k.protocol()
	}
	return c
}

// protocol is "HTTP/1.1", "HTTP/2.0" … ($server_protocol).
func (k *Kong) protocol() string {
	return "HTTP/" + strconv.Itoa(int(k.X.HTTPMajor)) + "." + strconv.Itoa(int(k.X.HTTPMinor))
}
