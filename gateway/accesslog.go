package gateway

import (
	"fmt"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/vars"
	"github.com/gibbon-gateway/gibbon/proxy"
)

// accessLog writes requests to the proxy's access log, with a buffer per worker.
type accessLog struct {
	perWorker []*log.Access
	values    []variables
}

// variables gives one request's variables to a log format.
type variables struct{ k *pdk.Kong }

// AppendVariable implements log.Variables.
func (v *variables) AppendVariable(dst []byte, id int, name string) ([]byte, bool) {
	return vars.Append(dst, v.k, id, name)
}

// Write implements proxy.AccessLog.
func (a *accessLog) Write(k *pdk.Kong) {
	v := &a.values[k.Worker.ID]
	v.k = k
	a.perWorker[k.Worker.ID].Log(v)
	v.k = nil
}

// openAccessLog opens the log that proxy_access_log names; nil for off.
func (n *node) openAccessLog(workers int) (proxy.AccessLog, error) {
	a, err := n.openAccess("proxy_access_log", n.conf.Logs.ProxyAccess, "kong_log_format", workers)
	if a == nil {
		return nil, err
	}
	return a, err
}

// openAccess opens the log that a setting names; nil for off. format is the one
// that it has unless the setting names another.
func (n *node) openAccess(setting string, l conf.AccessLog, format string, workers int) (*accessLog, error) {
	if l.Path == "" {
		return nil, nil
	}
	name := l.Format
	if name == "" {
		name = format
	}
	text, escape := log.Formats[name], "default"
	if f, ok := n.conf.Logs.Formats[name]; ok {
		text, escape = f.Text, f.Escape
	}
	if text == "" {
		return nil, fmt.Errorf("%s: there is no log format %q; define it with nginx_http_log_format or nginx_stream_log_format", setting, name)
	}
	compiled, err := log.Compile(text, escape, vars.Resolve)
	if err != nil {
		return nil, fmt.Errorf("%s: log format %q: %w", setting, name, err)
	}
	sink, err := log.OpenAccess(&n.files, l.Path, n.log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	a := &accessLog{values: make([]variables, workers)}
	for range workers {
		a.perWorker = append(a.perWorker, log.NewAccess(sink, compiled))
	}
	return a, nil
}
