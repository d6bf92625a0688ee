package pdktest

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// Env is one request and what a plugin did with it.
type Env struct {
	*pdk.Kong
	// Host is the proxy's side.
	Host *Host
	// Exited: a handler answered the request. Blocked: it asked to be run in a
	// goroutine, to wait for the body.
	Exited, Blocked bool

	t    testing.TB
	pool message.Pool
}

// RequestID is the id of every request.
const RequestID = "0123456789abcdef0123456789abcdef"

// New makes a request of text: the first line, header lines, an empty line and
// the body; lines end in "\n". The version may be left out of the first line.
// The client is 127.0.0.1, the route and the service are minimal; change the
// Kong before running a phase.
func New(t testing.TB, text string) *Env {
	t.Helper()
	e := &Env{Kong: &pdk.Kong{}, t: t}
	x := &message.Exchange{}
	if err := x.Begin(&e.pool); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.End(); e.pool.Close() })
	x.Flow = &message.Flow{Serial: 1, Peer: netip.MustParseAddrPort("127.0.0.1:40000"), Local: netip.MustParseAddrPort("127.0.0.1:8000")}
	e.Host = &Host{x: x, Upstreams: map[string]bool{}, Variables: map[string]string{}}
	e.Kong.Reset(&pdk.Gateway{
		Workspace: dao.DefaultWorkspace, WorkspaceName: "default",
		Settings: func(string) any { return nil },
		Trusted:  func(string) bool { return false },
	}, nil, x, e.Host)
	e.Kong.Host = e.Host
	e.Router = pdk.Router{
		Route:   &entity.Route{ID: "00000000-0000-4000-8000-0000000000aa", StripPath: true, Protocols: []string{"http", "https"}},
		Service: &entity.Service{ID: "00000000-0000-4000-8000-0000000000bb", Protocol: "http", Host: "service.test", Port: 80},
	}
	e.parse(text)
	return e
}

// parse fills the exchange.
func (e *Env) parse(text string) {
	x := e.X
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSuffix(head, "\n"), "\n")
	words := strings.Fields(lines[0])
	if len(words) < 2 {
		e.t.Fatalf("pdktest: first line %q, want METHOD TARGET", lines[0])
	}
	path, query, asked := strings.Cut(words[1], "?")
	x.Method, x.Target, x.URI = e.put(words[0]), e.put(words[1]), e.put(path)
	x.UpstreamURI, x.UpstreamScheme = e.put(path), e.put("http")
	if asked {
		// an empty query has an offset: see message.Shared.Args
		x.Args = message.Str{Off: x.Target.Off + uint32(len(path)) + 1, Len: uint32(len(query))}
	}
	x.HTTPMajor, x.HTTPMinor = 1, 1
	if len(words) > 2 && words[2] == "HTTP/2" {
		x.HTTPMajor, x.HTTPMinor = 2, 0
		x.Bits |= message.BitHTTP2
	}
	x.Scheme, x.RequestID = e.put("http"), e.put(RequestID)
	x.RemoteAddr, x.RealRemoteAddr, x.ServerAddr = e.put("127.0.0.1"), e.put("127.0.0.1"), e.put("127.0.0.1")
	x.RemotePort, x.RealRemotePort, x.ServerPort = 40000, 40000, 8000
	x.ConnectionSerial, x.ConnectionRequests = 1, 1
	x.StartWall = time.Now()
	x.StartTime = float64(x.StartWall.UnixMilli()) / 1000
	x.Times.Start = 1
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			e.t.Fatalf("pdktest: header line %q", line)
		}
		e.field(&x.Request, name, strings.TrimSpace(value))
	}
	host, _, _ := strings.Cut(x.Get(&x.Request, "Host"), ":")
	x.Host = e.put(strings.ToLower(host))
	if strings.HasPrefix(x.Get(&x.Request, "Content-Type"), "application/grpc") {
		x.Bits |= message.BitGRPC
	}
	e.Host.incoming = []byte(body)
	if body != "" {
		x.RequestBody, x.RequestBodyLength = message.BodyLength, int64(len(body))
	}
	if body != "" && x.FindID(&x.Request, message.HeaderContentLength) == nil {
		e.field(&x.Request, "Content-Length", strconv.Itoa(len(body)))
	}
}

// field adds a field as a codec would: not an edited one.
func (e *Env) field(h *message.Head, name, value string) {
	n, v := e.put(name), e.put(value)
	f := message.Field{Name: message.Str16{Off: n.Off, Len: uint16(n.Len)}, Value: v, ID: message.Known(name)}
	if err := e.X.Append(h, f); err != nil {
		e.t.Fatal(err)
	}
}

func (e *Env) put(s string) message.Str {
	v, err := e.X.PutString(s)
	if err != nil {
		e.t.Fatal(err)
	}
	return v
}

// Respond plays the service's answer: a status line's code, header lines, an
// empty line and the body.
func (e *Env) Respond(text string) {
	e.t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSuffix(head, "\n"), "\n")
	status, err := strconv.Atoi(lines[0])
	if err != nil {
		e.t.Fatalf("pdktest: first line %q, want a status", lines[0])
	}
	e.X.Status, e.X.UpstreamStatus, e.X.Source = uint32(status), uint32(status), message.SourceService
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		e.field(&e.X.Response, name, strings.TrimSpace(value))
	}
	e.Host.answer = []byte(body)
}

// As makes the plugin called name the one that runs.
func (e *Env) As(name string) *Env {
	e.Current = &pdk.Current{Name: name, ID: "00000000-0000-4000-8000-0000000000cc"}
	return e
}

// run runs one handler in a phase; ErrExit sets Exited and is no error.
func (e *Env) run(p phase.Phase, handler func(*pdk.Kong) error) error {
	e.Phase, e.X.Phase = p, uint32(p)
	err := handler(e.Kong)
	if errors.Is(err, pdk.ErrBlocks) {
		// the pipeline would run it again in a job, which waits for the body
		if err := e.Host.complete(); err != nil {
			return err
		}
		e.Blocked = true
		err = handler(e.Kong)
	}
	if errors.Is(err, pdk.ErrExit) {
		e.Exited = true
		return nil
	}
	return err
}

// RunRewrite runs h's rewrite phase.
func (e *Env) RunRewrite(h interface{ Rewrite(*pdk.Kong) error }) error {
	return e.run(phase.Rewrite, h.Rewrite)
}

// RunAccess runs h's access phase.
func (e *Env) RunAccess(h interface{ Access(*pdk.Kong) error }) error {
	return e.run(phase.Access, h.Access)
}

// RunResponse runs h's response phase.
func (e *Env) RunResponse(h interface{ Response(*pdk.Kong) error }) error {
	return e.run(phase.Response, h.Response)
}

// RunHeaderFilter runs h's header_filter phase.
func (e *Env) RunHeaderFilter(h interface{ HeaderFilter(*pdk.Kong) error }) error {
	return e.run(phase.HeaderFilter, h.HeaderFilter)
}

// RunLog runs h's log phase.
func (e *Env) RunLog(h interface{ Log(*pdk.Kong) error }) error {
	e.X.Times.End = e.X.Times.Start + 5e6
	return e.run(phase.Log, h.Log)
}

// RunBodyFilter runs h's body_filter phase over the body of the response, in
// chunks of size bytes, and gives what came out.
func (e *Env) RunBodyFilter(h interface {
	BodyFilter(k *pdk.Kong, chunk []byte, last bool) ([]byte, error)
}, size int) (string, error) {
	e.Phase, e.X.Phase = phase.BodyFilter, uint32(phase.BodyFilter)
	var out strings.Builder
	in := e.Host.answer
	if e.Exited {
		in = e.Answer.Body
	}
	for {
		n := min(size, len(in))
		chunk := append([]byte(nil), in[:n]...)
		in = in[n:]
		got, err := h.BodyFilter(e.Kong, chunk, len(in) == 0)
		if err != nil {
			return out.String(), err
		}
		out.Write(got)
		if len(in) == 0 {
			return out.String(), nil
		}
	}
}

// Status of the response.
func (e *Env) Status() int { return int(e.X.Status) }

// Body of the response that a handler made.
func (e *Env) Body() string { return string(e.Answer.Body) }

// Sent is a header of the request as the service will get it: the values
// joined by "|".
func (e *Env) Sent(name string) string { return e.values(&e.X.Request, name) }

// Got is a header of the response as the client will get it: the values
// joined by "|".
func (e *Env) Got(name string) string { return e.values(&e.X.Response, name) }

func (e *Env) values(h *message.Head, name string) string {
	var all []string
	fs := e.X.Fields(h)
	for i := range fs {
		if f := &fs[i]; f.Flags&message.FieldGone == 0 && message.EqualFold(e.X.NameOf(f), name) {
			all = append(all, strings.TrimSpace(string(e.X.ValueOf(f))))
		}
	}
	return strings.Join(all, "|")
}

// SentBody is the request body as the service will get it.
func (e *Env) SentBody() string {
	if e.Host.body == nil {
		return string(e.Host.incoming)
	}
	b, _ := e.Host.body.Load(nil)
	return string(b)
}

// SentQuery is the query as the service will get it.
func (e *Env) SentQuery() string { return e.X.View(e.X.Args) }
