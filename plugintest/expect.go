package plugintest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// compare lists what is not as expected.
func (e *Expect) compare(x *Exchange, name string) []Problem {
	var ps []Problem
	if w := e.Response; w != nil {
		ps = append(ps, w.response(x)...)
	} else if x.Err != nil {
		ps = append(ps, Problem{Where: "response", Want: "one", Got: x.Err.Error()})
	}
	if w := e.Upstream; w != nil {
		if len(w.all) != len(x.Upstream) {
			ps = append(ps, Problem{Where: "upstream", Want: plural(len(w.all)), Got: plural(len(x.Upstream))})
		}
		for i, m := range w.all {
			at := "upstream"
			if len(w.all) > 1 {
				at = fmt.Sprintf("upstream[%d]", i+1)
			}
			if i < len(x.Upstream) {
				q := x.Upstream[i]
				ps = append(ps, m.message(at, map[string]string{"method": q.Method, "path": q.Path, "to": q.To}, q.Header, q.Body)...)
			}
		}
	}
	return append(append(ps, e.log(x)...), e.phases(x, name)...)
}

func plural(n int) string {
	if n == 1 {
		return "1 request"
	}
	return fmt.Sprintf("%d requests", n)
}

func (w *WantMessage) response(x *Exchange) []Problem {
	switch {
	case w.closed && x.Response != nil:
		return []Problem{{Where: "response", Want: "the connection closed without one", Got: fmt.Sprint(x.Response.Status)}}
	case w.closed:
		return nil
	case x.Response == nil:
		return []Problem{{Where: "response", Want: "one", Got: fmt.Sprintf("none: %v", x.Err)}}
	}
	ps := w.message("response", map[string]string{"status": strconv.Itoa(x.Response.Status)}, x.Response.Header, x.Response.Body)
	if x.Err != nil {
		ps = append(ps, Problem{Where: "response", Want: "a whole one", Got: x.Err.Error()})
	}
	return ps
}

// log finds the wanted lines in order.
func (e *Expect) log(x *Exchange) []Problem {
	var ps []Problem
	from := 0
	for i := range e.Log {
		w := &e.Log[i]
		at := slices.IndexFunc(x.Log[from:], func(l Line) bool { return w.part(l.String()) })
		if at < 0 {
			ps = append(ps, Problem{Where: fmt.Sprintf("log[%d]", i+1), Want: "a line with " + w.String(), Got: "none (after the lines before it)"})
			continue
		}
		from += at + 1
	}
	for i := range e.NoLog {
		for _, l := range x.Log {
			if e.NoLog[i].part(l.String()) {
				ps = append(ps, Problem{Where: fmt.Sprintf("no_log[%d]", i+1), Want: "no line with " + e.NoLog[i].String(), Got: l.String()})
			}
		}
	}
	return ps
}

func (e *Expect) phases(x *Exchange, name string) []Problem {
	if e.Phases == nil {
		return nil
	}
	long := slices.ContainsFunc(*e.Phases, func(s string) bool { return strings.Contains(s, ".") })
	got := []string{}
	for _, r := range x.Ran {
		switch {
		case long:
			got = append(got, r.Plugin+"."+r.Phase)
		case r.Plugin == name:
			got = append(got, r.Phase)
		}
	}
	if slices.Equal(*e.Phases, got) {
		return nil
	}
	return []Problem{{Where: "phases", Want: strings.Join(*e.Phases, ", "), Got: strings.Join(got, ", ")}}
}
