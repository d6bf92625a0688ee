package golden

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// How long a record may take to become what the case wants: log handlers and background calls run after the client has its
// answer. A record that matches ends the wait, so only differing cases take that long.
const (
	recordLimit  = time.Second
	differsLimit = 100 * time.Millisecond // once the case has differed
	lastLinger   = 60 * time.Millisecond  // after the last step, for what should not come
	settleTime   = 700 * time.Millisecond // the word `settle`
	startLinger  = 100 * time.Millisecond // timers of init_worker come before step 1
	pollInterval = 5 * time.Millisecond
	untilLimit   = 5 * time.Second
)

// startLimit is how long the gateway may take until it listens, or refuses to start.
var startLimit = 20 * time.Second

// Run plays a case against the binary and gives the differences, "" if there are none. An error is a gateway that did not
// start (or started though it should not), crashed, or a stage that could not be set up.
func (c *Case) Run(binary string) (differences string, err error) {
	s, err := newStage(c)
	if err != nil {
		return "", err
	}
	defer s.close()
	if err := c.unpack(s.caseDir(), s.expand); err != nil {
		return "", err
	}
	g, err := startGateway(binary, c, s)
	if err != nil {
		return "", err
	}
	defer g.Stop()
	if c.has("start.fails") {
		return "", g.refuses(startLimit)
	}
	if err := g.Listening(process.Loopback(s.listens.proxy), startLimit); err != nil {
		return "", fmt.Errorf("the gateway %w\n%s", err, g.said())
	}
	time.Sleep(startLinger)
	r := &run{c: c, s: s, g: g, logSeen: len(g.log())}
	for i, st := range c.steps {
		r.play(st, i == len(c.steps)-1)
	}
	if g.HasEnded() {
		return r.diff.String(), fmt.Errorf("the gateway ended before the case did:\n%s", g.said())
	}
	return r.diff.String(), nil
}

// run is a case being played.
type run struct {
	c       *Case
	s       *stage
	g       *gateway
	logSeen int // bytes of the error log that earlier steps have used up
	diff    strings.Builder
}

// play goes through one step and notes where its records differ.
func (r *run) play(st step, last bool) {
	st.opts = parseOptions(r.s.expand(r.c.files[st.n+".options"])) // `to={{stream_port}}`
	r.prepare(st)
	time.Sleep(st.opts.duration("wait"))
	response := r.until(st)
	r.s.capture(r.c.files[st.n+".capture"], response)
	if st.opts.has("settle") {
		time.Sleep(max(settleTime, st.opts.duration("settle")))
	} else if last {
		time.Sleep(lastLinger)
	}
	r.check(st, "response", normalise(response, r.s.subst))
	upstream, log := r.records(st)
	r.check(st, "upstream", upstream)
	r.check(st, "log", log)
}

func (r *run) prepare(st step) {
	r.s.script(r.c, st)
	r.s.rec.reset(st.opts.has("brief"))
}

// until plays the client, and with `until=CODE` again until the status is that one.
func (r *run) until(st step) string {
	got := r.s.client(r.c, st)
	if !st.opts.has("until") {
		return got
	}
	for end := time.Now().Add(untilLimit); time.Now().Before(end); got = r.s.client(r.c, st) {
		first, _, _ := strings.Cut(got, "\n")
		if w := strings.Fields(first); len(w) > 1 && w[1] == st.opts["until"] {
			break
		}
		time.Sleep(60 * time.Millisecond)
		r.prepare(st)
	}
	return got
}

// records waits until the upstreams' and the log's records are what the case wants, or for recordLimit.
func (r *run) records(st step) (upstream, log string) {
	plugins := r.c.plugins()
	limit := recordLimit
	if r.diff.Len() > 0 {
		limit = differsLimit
	}
	for end := time.Now().Add(limit); ; time.Sleep(pollInterval) {
		upstream = normalise(r.s.rec.text(st.opts), r.s.subst)
		all := r.g.log()
		log = normalise(pluginLog(all[min(r.logSeen, len(all)):], plugins), r.s.subst)
		done := same("upstream", r.want(st, "upstream"), trim(upstream), st.opts) && r.want(st, "log") == trim(log)
		if done || time.Now().After(end) {
			r.logSeen = len(all)
			return upstream, log
		}
	}
}

func (r *run) want(st step, kind string) string { return trim(string(r.c.files[st.n+"."+kind])) }

func trim(s string) string { return strings.TrimRight(s, "\n") }

func (r *run) check(st step, kind, got string) {
	want, got := r.want(st, kind), trim(got)
	if same(kind, want, got, st.opts) {
		return
	}
	if kind != "log" {
		want, got = canonical(want, st.opts.has("unordered")), canonical(got, st.opts.has("unordered"))
	}
	fmt.Fprintf(&r.diff, "--- %s.%s\nwant:\n%s\ngot:\n%s\n", st.n, kind, want, got)
}

// capture reads N.capture, lines `NAME REGEXP`: the regexp's first group in the response becomes {{got:NAME}}.
func (s *stage) capture(lines []byte, response string) {
	for line := range strings.SplitSeq(strings.TrimSpace(string(lines)), "\n") {
		name, expr, ok := strings.Cut(line, " ")
		re, err := regexp.Compile(expr)
		if !ok || err != nil {
			continue
		}
		if m := re.FindStringSubmatch(response); len(m) > 1 {
			key := "{{got:" + name + "}}"
			s.vars[key] = m[1]
			if len(m[1]) > 7 {
				s.subst[m[1]] = key
			}
		}
	}
}
