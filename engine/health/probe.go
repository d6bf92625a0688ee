package health

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

// probe is how one upstream is probed.
type probe struct {
	kind    string // tcp, http, https, grpc, grpcs
	timeout time.Duration
	path    string
	fields  string // header lines that are set, each with CRLF
	host    string // the upstream's host_header, "" = the target's host
	named   bool   // fields have a Host already
	sni     string
	verify  bool
	cert    *tls.Certificate
}

func newProbe(u *entity.Upstream, t TLS) probe {
	a := &u.Healthchecks.Active
	p := probe{
		kind:    a.Type,
		timeout: seconds(a.Timeout),
		path:    a.HTTPPath,
		host:    u.HostHeader,
		sni:     a.HTTPSSNI,
		verify:  a.HTTPSVerifyCertificate,
		cert:    t.Certificate,
	}
	if p.timeout <= 0 {
		p.timeout = time.Second
	}
	if p.path == "" {
		p.path = "/"
	}
	names := make([]string, 0, len(a.Headers))
	for n := range a.Headers {
		names = append(names, n)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, n := range names {
		p.named = p.named || strings.EqualFold(n, "Host")
		for _, v := range a.Headers[n] {
			b.WriteString(n + ": " + v + "\r\n")
		}
	}
	p.fields = b.String()
	return p
}

// run probes one address: the status of its answer (200 for a TCP probe that
// connected), or the failure.
func (p *probe) run(ctx context.Context, r *Registry, k Key) (int, Failure) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	var status int
	var err error
	if p.kind == "grpc" || p.kind == "grpcs" {
		status, err = p.grpc(ctx, r, k)
	} else {
		status, err = p.plain(ctx, r, k)
	}
	switch {
	case err == nil:
		return status, NoFailure
	case isTimeout(ctx, err):
		return 0, TimeoutFailure
	}
	return 0, TCPFailure
}

// plain does tcp, http and https probes.
func (p *probe) plain(ctx context.Context, r *Registry, k Key) (int, error) {
	c, err := r.opts.Dial(ctx, "tcp", k.Addr.String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if p.kind == "tcp" {
		return StatusConnected, nil
	}
	deadline, _ := ctx.Deadline()
	c.SetDeadline(deadline)
	// The registry may close in the middle of a long timeout.
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	if p.kind == "https" {
		t := tls.Client(c, p.tlsConfig(r, k))
		if err := t.HandshakeContext(ctx); err != nil {
			return 0, err
		}
		c = t
	}
	if _, err := c.Write(p.request(k)); err != nil {
		return 0, err
	}
	return readStatus(c)
}

// request is the probe as the reference sends it: HTTP/1.0, the fields that
// are set, then Host without a port.
func (p *probe) request(k Key) []byte {
	var b bytes.Buffer
	b.WriteString("GET " + p.path + " HTTP/1.0\r\n" + p.fields)
	if !p.named {
		b.WriteString("Host: " + p.hostName(k) + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func (p *probe) hostName(k Key) string {
	if p.host != "" {
		return p.host
	}
	return k.Host
}

func (p *probe) tlsConfig(r *Registry, k Key) *tls.Config {
	name := p.sni
	if name == "" {
		name = k.Host
	}
	cfg := &tls.Config{ServerName: name, RootCAs: r.opts.RootCAs, InsecureSkipVerify: !p.verify}
	if p.cert != nil {
		cfg.Certificates = []tls.Certificate{*p.cert}
	}
	return cfg
}

// StatusConnected is the status to report for a connection without statuses
// (L4, TCP probes) that was made: a success.
const StatusConnected = 1

var errNotHTTP = errors.New("not an HTTP answer")

// readStatus reads the status line, at most 1 kB of it.
func readStatus(c io.Reader) (int, error) {
	line, err := bufio.NewReaderSize(io.LimitReader(c, 1024), 1024).ReadString('\n')
	if err != nil && line == "" {
		return 0, err
	}
	return parseStatus(line)
}

// parseStatus takes the code out of a status line.
func parseStatus(line string) (int, error) {
	version, rest, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	if !ok || !strings.HasPrefix(version, "HTTP/1.") {
		return 0, errNotHTTP
	}
	code, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || n < 100 {
		return 0, errNotHTTP
	}
	return n, nil
}

func isTimeout(ctx context.Context, err error) bool {
	var ne net.Error
	var ce *tls.CertificateVerificationError
	var ue x509.UnknownAuthorityError
	if errors.As(err, &ce) || errors.As(err, &ue) {
		return false
	}
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) ||
		errors.As(err, &ne) && ne.Timeout()
}
