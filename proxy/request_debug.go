package proxy

import (
	"crypto/subtle"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/proxy/pipeline"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// requestDebug are the times of one request whose client asked for them with
// X-Kong-Request-Debug: how long each step and each plugin took.
type requestDebug struct {
	pipeline.Timings
	want  debugPhases
	start time.Time
	// steps are the times of the steps that ran, waiting included.
	steps [stepEnd]time.Duration
	ran   [stepEnd]bool
	// at is the step that runs, since when.
	at    step
	since time.Time
	names []nameTime
	// toLog: the times go to the error log, too, once the request is over.
	toLog bool
}

// nameTime is how long a name was resolved.
type nameTime struct {
	host  string
	took  time.Duration
	known bool // the answer was in the cache
}

// maxDebugNames bounds the names that are told of one request: each try may resolve one.
const maxDebugNames = 16

// maxDebugHeader bounds the value of X-Kong-Request-Debug-Output: many clients
// and proxies take heads of 8 KB at most.
const maxDebugHeader = 4 << 10

// debugPhases is a set of the names that X-Kong-Request-Debug may ask for.
type debugPhases uint16

const (
	debugRewrite debugPhases = 1 << iota
	debugAccess
	debugBalancer
	debugUpstream
	debugResponse
	debugHeaderFilter
	debugBodyFilter
	debugLog
	debugAll = 1<<iota - 1
)

// parseDebugPhases reads X-Kong-Request-Debug: "*", or names of phases behind
// commas. Anything else asks for nothing.
func parseDebugPhases(s string) debugPhases {
	if strings.TrimSpace(s) == "*" {
		return debugAll
	}
	var want debugPhases
	for _, name := range strings.Split(s, ",") {
		switch strings.TrimSpace(name) {
		case "rewrite":
			want |= debugRewrite
		case "access":
			want |= debugAccess
		case "balancer":
			want |= debugBalancer
		case "upstream":
			want |= debugUpstream
		case "response":
			want |= debugResponse
		case "header_filter":
			want |= debugHeaderFilter
		case "body_filter":
			want |= debugBodyFilter
		case "log":
			want |= debugLog
		default:
			return 0
		}
	}
	return want
}

// SetDebugToken switches request debugging on; clients of other machines must
// send token. "" switches it off, as it is at first. Safe for concurrent use.
func (s *Server) SetDebugToken(token string) {
	if token == "" {
		s.debugToken.Store(nil)
	} else {
		s.debugToken.Store(&token)
	}
}

// askForDebug begins the times of a request that has one of the fields
// X-Kong-Request-Debug and -Token, if it may ask for them. The gateway's token
// goes no further: neither plugins nor upstreams have any use for the secret.
func (r *request) askForDebug() {
	token := r.w.srv.debugToken.Load()
	if token == nil {
		return
	}
	may := r.fromHere()
	if f := r.FindID(&r.Request, message.HeaderXKongRequestDebugToken); f != nil && subtle.ConstantTimeCompare(r.ValueOf(f), []byte(*token)) == 1 {
		may = true
		r.Del(&r.Request, message.HeaderXKongRequestDebugToken.Name())
	}
	f := r.FindID(&r.Request, message.HeaderXKongRequestDebug)
	if f == nil || !may {
		return
	}
	want := parseDebugPhases(r.View(f.Value))
	if want == 0 {
		return
	}
	now := time.Now()
	r.debug = &requestDebug{want: want, start: now, since: now, at: stepEnd,
		toLog: strings.EqualFold(r.Get(&r.Request, "X-Kong-Request-Debug-Log"), "true")}
	r.run.Time(&r.debug.Timings)
}

// fromHere says whether the client is a process of this machine and asks for
// itself. What came through a proxy on this machine tells so.
func (r *request) fromHere() bool {
	return r.Flow.Peer.Addr().Unmap().IsLoopback() && r.clientAddr().IsLoopback() &&
		r.FindID(&r.Request, message.HeaderXForwardedFor) == nil && r.FindID(&r.Request, message.HeaderXRealIP) == nil &&
		r.Find(&r.Request, "Forwarded") == nil
}

// enter notes that step s runs from now on, or goes on.
func (d *requestDebug) enter(s step) {
	if s == d.at {
		return
	}
	d.Stop()
	d.settle()
	d.at, d.ran[s] = s, true
}

// settle adds the time up to now to the running step.
func (d *requestDebug) settle() {
	now := time.Now()
	if d.at < stepEnd {
		d.steps[d.at] += now.Sub(d.since)
	}
	d.since = now
}

// resolved notes that a host's address was found, or not.
func (d *requestDebug) resolved(host string, took time.Duration, known bool) {
	if d != nil && len(d.names) < maxDebugNames {
		d.names = append(d.names, nameTime{host, took, known})
	}
}

// debugOutput adds X-Kong-Request-Debug-Output to the response head.
func (r *request) debugOutput() {
	d := r.debug
	d.settle()
	id := r.View(r.RequestID)
	text := d.output(id, d.tree(false), false)
	if len(text) > maxDebugHeader {
		text = d.output(id, nil, true)
	}
	if err := r.Set(&r.Response, "X-Kong-Request-Debug-Output", string(text)); err != nil {
		_ = r.Set(&r.Response, "X-Kong-Request-Debug-Output", string(d.output(id, nil, true)))
	}
}

// debugToLog writes the times of the whole request to the error log.
func (r *request) debugToLog() {
	d := r.debug
	if !d.toLog || !r.w.srv.Log.On(log.Notice) {
		return
	}
	d.Stop()
	d.settle()
	id := r.View(r.RequestID)
	c := r.k.LogContext()
	r.w.srv.Log.Message(log.Notice, &c, "[request-debug] id: "+id+", output: "+string(d.output(id, d.tree(true), false)))
}

// timing is one entry of the output.
type timing struct {
	name  string
	took  time.Duration
	known *bool
	child []timing
}

// tree are the times that are wanted, phase by phase. over: the request is,
// else its head is about to be sent.
func (d *requestDebug) tree(over bool) []timing {
	s := &d.steps
	var all []timing
	add := func(want debugPhases, name string, took time.Duration, child ...timing) {
		if d.want&want == 0 {
			return
		}
		some := child[:0]
		for _, c := range child {
			if c.took >= time.Microsecond/2 || len(c.child) > 0 { // else it is told as 0
				some = append(some, c)
			}
		}
		all = append(all, timing{name: name, took: took, child: some})
	}
	if d.ran[stepRewrite] {
		add(debugRewrite, "rewrite", s[stepRewrite], d.plugins(phase.Rewrite))
	}
	if d.ran[stepRoute] {
		add(debugAccess, "access", s[stepRoute]+s[stepAccess]+s[stepPrepare]+s[stepCollect], timing{name: "router", took: s[stepRoute]},
			d.plugins(phase.Access|phase.WSHandshake), timing{name: "request_body", took: s[stepCollect]})
	}
	if d.ran[stepBalance] {
		add(debugBalancer, "balancer", s[stepBalance], d.dns())
	}
	if d.ran[stepSend] {
		add(debugUpstream, "upstream", d.upstream(), timing{name: "time_to_first_byte", took: s[stepSend]}, timing{name: "streaming", took: d.upstream() - s[stepSend]})
	}
	if p := d.plugins(phase.Response); d.ran[stepResponse] && len(p.child) > 0 {
		add(debugResponse, "response", s[stepResponse], p)
	}
	if d.ran[stepHeaderFilter] {
		add(debugHeaderFilter, "header_filter", s[stepHeaderFilter], d.plugins(phase.HeaderFilter))
	}
	if !over {
		return all
	}
	if p := d.plugins(phase.BodyFilter); len(p.child) > 0 {
		add(debugBodyFilter, "body_filter", p.took, p)
	}
	add(debugLog, "log", s[stepFinish], d.plugins(phase.Log|phase.WSClose))
	return all
}

// upstream is how long the upstream was waited for: until its head came and,
// where its body has gone to the client, until that ended, without what plugins did to it.
func (d *requestDebug) upstream() time.Duration {
	if !d.ran[stepBody] || !d.ran[stepSend] {
		return d.steps[stepSend]
	}
	return d.steps[stepSend] + max(d.steps[stepBody]-d.plugins(phase.BodyFilter).took, 0)
}

// plugins are the times of plugins in any of phases, by name and configuration.
func (d *requestDebug) plugins(phases phase.Phase) timing {
	all := timing{name: "plugins"}
	for i := range d.Plugins {
		p := &d.Plugins[i]
		if p.Phase&phases == 0 {
			continue
		}
		at := -1
		for j := range all.child {
			if all.child[j].name == p.Name {
				at = j
			}
		}
		if at < 0 {
			at = len(all.child)
			all.child = append(all.child, timing{name: p.Name})
		}
		all.child[at].child = append(all.child[at].child, timing{name: p.ID, took: p.Took})
		all.child[at].took += p.Took
		all.took += p.Took
	}
	return all
}

// dns are the names that were resolved.
func (d *requestDebug) dns() timing {
	all := timing{name: "dns"}
	for i := range d.names {
		n := &d.names[i]
		all.child = append(all.child, timing{name: n.host, took: n.took, child: []timing{{name: "resolve", took: n.took, known: &n.known}}})
		all.took += n.took
	}
	return all
}

// output is the whole as one line of JSON; truncated says that the times of phases do not fit.
func (d *requestDebug) output(id string, phases []timing, truncated bool) []byte {
	total := time.Since(d.start)
	b := append(make([]byte, 0, 512), '{')
	if !truncated {
		b = append(appendChildren(b, phases), ',')
	}
	b = append(append(b, `"request_id":`...), quoted(id)...)
	b = appendMillis(append(b, `,"total_time":`...), total)
	if d.ran[stepSend] {
		b = appendMillis(append(b, `,"total_time_without_upstream":`...), max(total-d.upstream(), 0))
	}
	if truncated {
		b = append(b, `,"truncated":true`...)
	}
	return append(b, '}')
}

func appendChildren(b []byte, child []timing) []byte {
	b = append(b, `"child":{`...)
	names := make(map[string]bool, len(child))
	for _, c := range child {
		if names[c.name] { // a name that was resolved for several tries
			continue
		}
		if len(names) > 0 {
			b = append(b, ',')
		}
		names[c.name] = true
		b = append(append(b, quoted(c.name)...), `:{`...)
		if len(c.child) > 0 {
			b = append(appendChildren(b, c.child), ',')
		}
		if c.known != nil {
			b = append(strconv.AppendBool(append(b, `"cache_hit":`...), *c.known), ',')
		}
		b = append(appendMillis(append(b, `"total_time":`...), c.took), '}')
	}
	return append(b, '}')
}

// appendMillis appends a time in milliseconds, with microseconds behind the point.
func appendMillis(b []byte, t time.Duration) []byte {
	return strconv.AppendFloat(b, math.Round(float64(t)/1e3)/1e3, 'f', -1, 64)
}

func quoted(s string) []byte {
	b, _ := json.Marshal(s) // a string has always a form
	return b
}
