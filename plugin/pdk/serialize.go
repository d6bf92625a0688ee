package pdk

import (
	"crypto/tls"
	"errors"
	"strconv"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// redacted stands for the values of headers that hold credentials.
const redacted = "REDACTED"

// SetSerializeValue edits what Serialize will give. key is a dotted path whose
// tables are made; value nil removes it. mode is "set" (or ""), "add" (only
// if there is none) or "replace" (only if there is one).
func (l *Log) SetSerializeValue(key string, value any, mode string) error {
	switch mode {
	case "":
		mode = "set"
	case "set", "add", "replace":
	default:
		return errors.New("mode must be 'set', 'add' or 'replace'")
	}
	l.k.LogValues = append(l.k.LogValues, LogValue{Key: key, Value: value, Mode: mode})
	return nil
}

// Serialize describes the request, its response and what happened, as the
// logging plugins send it (kong.log.serialize). The map is the caller's own
// and outlives the request; the records in it (route, service, consumer) are
// shared: do not change them.
func (l *Log) Serialize() (map[string]any, error) {
	if l.k.Stream != nil {
		return l.k.serializeStream()
	}
	if err := l.k.in(phase.Log); err != nil {
		return nil, err
	}
	k, x := l.k, l.k.X
	entry := map[string]any{
		"request":         k.serializeRequest(),
		"response":        k.serializeResponse(),
		"latencies":       k.latencies(),
		"client_ip":       strings.Clone(k.Client.ForwardedIP()),
		"started_at":      k.Request.StartTime(),
		"source":          "kong",
		"upstream_uri":    strings.Clone(x.View(x.UpstreamURI)),
		"upstream_status": string(k.AppendUpstreamStatuses(nil)),
		"workspace":       k.Gateway.Workspace,
		"workspace_name":  k.Gateway.WorkspaceName,
	}
	if x.Source == message.SourceService {
		entry["source"] = "upstream"
	}
	if r := k.Router.Route; r != nil {
		entry["tries"] = k.serializeTries()
		setRecord(entry, "route", k.Entities("routes"), r.ID)
	}
	if s := k.Router.Service; s != nil {
		setRecord(entry, "service", k.Entities("services"), s.ID)
	}
	if k.consumer != nil {
		entry["consumer"] = k.consumer
	}
	if k.credential != nil {
		entry["authenticated_entity"] = map[string]any{"id": k.credential["id"]}
	}
	for i := range k.LogValues {
		k.LogValues[i].apply(entry)
	}
	return entry, nil
}

// AppendUpstreamStatuses appends $upstream_status: the status of each try,
// joined by ", "; nothing without any.
func (k *Kong) AppendUpstreamStatuses(dst []byte) []byte {
	if k.X.UpstreamStatuses.Len > 0 {
		return append(dst, k.X.Bytes(k.X.UpstreamStatuses)...)
	}
	for i := range k.Tries {
		code := int64(k.Tries[i].Code)
		if code == 0 {
			code = int64(k.X.UpstreamStatus)
		}
		if code == 0 {
			continue // still under way
		}
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = strconv.AppendInt(dst, code, 10)
	}
	return dst
}

func setRecord(entry map[string]any, key string, e dao.Entities, id string) {
	if r, ok := e.Get(id); ok {
		entry[key] = r
	}
}

func (k *Kong) serializeRequest() map[string]any {
	x := k.X
	headers, _ := collect(x.Shared, &x.Request, MaxHeaders)
	query, _ := ParseArgs(strings.Clone(k.Request.RawQuery()), MaxArgs)
	req := map[string]any{
		"id":          strings.Clone(k.Request.ID()),
		"method":      strings.Clone(k.Request.Method()),
		"uri":         strings.Clone(x.View(x.Target)),
		"url":         k.Request.Scheme() + "://" + k.Request.Host() + ":" + strconv.Itoa(k.Request.Port()) + k.Request.PathWithQuery(),
		"querystring": query.Table(),
		"headers":     headerTable(headers),
		"size":        float64(x.RequestLength),
	}
	if t := x.Flow.TLS; t != nil {
		verify := x.Flow.ClientVerify
		if k.clientVerify != "" {
			verify = k.clientVerify
		}
		if verify == "" {
			verify = "NONE"
		}
		req["tls"] = map[string]any{"version": TLSVersion(t.Version), "cipher": tls.CipherSuiteName(t.CipherSuite), "client_verify": verify}
	}
	return req
}

func (k *Kong) serializeResponse() map[string]any {
	x := k.X
	headers, _ := collect(x.Shared, &x.Response, MaxHeaders)
	if c := k.Response.connection(); c != "" {
		headers["connection"] = []string{c}
	}
	return map[string]any{
		"status":  float64(x.Status),
		"headers": headerTable(headers),
		"size":    float64(x.BytesSent),
	}
}

// headerTable is headers as a logging plugin sends them: a string, or a list
// of a repeated one; credentials are left out under any spelling of the name.
func headerTable(set HeaderSet) map[string]any {
	t := make(map[string]any, len(set))
	for name, values := range set {
		switch d := dashed(name); {
		case d == "authorization" || d == "proxy-authorization":
			t[name] = redacted
		case len(values) == 1:
			t[name] = values[0]
		default:
			list := make([]any, len(values))
			for i, v := range values {
				list[i] = v
			}
			t[name] = list
		}
	}
	return t
}

func (k *Kong) serializeTries() []any {
	tries := make([]any, 0, len(k.Tries))
	for i := range k.Tries {
		t := &k.Tries[i]
		one := map[string]any{
			"ip":                  t.IP,
			"port":                float64(t.Port),
			"balancer_start":      float64(t.BalancerStart / 1e6),
			"balancer_start_ns":   float64(t.BalancerStart),
			"balancer_latency":    float64(t.BalancerLatency / 1e6),
			"balancer_latency_ns": float64(t.BalancerLatency),
		}
		if t.State != "" {
			one["state"], one["code"] = t.State, float64(t.Code)
		}
		tries = append(tries, one)
	}
	return tries
}

// latencies in whole milliseconds: request is all of it; proxy how long the
// service took to begin its answer, -1 without one; receive how long the
// answer took to come in; kong what remains, which is the gateway's own.
func (k *Kong) latencies() map[string]any {
	t := &k.X.Times
	end := t.End
	if end == 0 {
		end = t.Start
	}
	request := (end - t.Start) / 1e6
	proxy, receive := int64(-1), int64(0)
	if from := max(t.AccessEnd, t.BalancerEnd); t.BalancerEnd != 0 && len(k.Tries) > 0 {
		until := t.UpstreamHead
		if until == 0 {
			until = end
		} else if t.UpstreamEnd > until {
			receive = (t.UpstreamEnd - until) / 1e6
		}
		proxy = max((until-from)/1e6, 0)
	}
	return map[string]any{
		"request": float64(request),
		"proxy":   float64(proxy),
		"receive": float64(receive),
		"kong":    float64(max(request-max(proxy, 0)-receive, 0)),
	}
}

// TLSVersion is a version of TLS in the form of $ssl_protocol: "TLSv1.3".
func TLSVersion(v uint16) string {
	switch v {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return ""
}

// apply makes the edit on entry. Tables on the way are copied before they are
// changed, since records are shared.
func (v *LogValue) apply(entry map[string]any) {
	path := splitPath(v.Key)
	at := entry
	for _, step := range path[:len(path)-1] {
		switch next := at[step].(type) {
		case map[string]any:
			own := make(map[string]any, len(next)+1)
			for key, val := range next {
				own[key] = val
			}
			at[step], at = own, own
		case nil:
			if v.Value == nil || v.Mode == "replace" {
				return
			}
			own := map[string]any{}
			at[step], at = own, own
		default:
			return
		}
	}
	last := path[len(path)-1]
	_, there := at[last]
	switch {
	case v.Mode == "add" && there, v.Mode == "replace" && !there:
	case v.Value == nil:
		delete(at, last)
	default:
		at[last] = v.Value
	}
}

// splitPath splits at dots; a leading one belongs to the first name, as recorded.
func splitPath(key string) []string {
	if len(key) > 1 && key[0] == '.' {
		path := strings.Split(key[1:], ".")
		path[0] = "." + path[0]
		return path
	}
	return strings.Split(key, ".")
}
