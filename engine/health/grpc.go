package health

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
)

// grpc asks the standard health service (grpc.health.v1.Health/Check, with
// service ""). A server without that service is alive: it answered. The
// status is 200 for SERVING or no such service, 503 for anything else that it
// says, or the HTTP status when that is not 200.
func (p *probe) grpc(ctx context.Context, r *Registry, k Key) (int, error) {
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return r.opts.Dial(ctx, network, k.Addr.String())
		},
		DisableKeepAlives: true,
		Protocols:         new(http.Protocols),
	}
	defer t.CloseIdleConnections()
	scheme := "http"
	if p.kind == "grpcs" {
		scheme = "https"
		t.Protocols.SetHTTP2(true)
		cfg := p.tlsConfig(r, k)
		cfg.NextProtos = []string{"h2"}
		t.TLSClientConfig = cfg
		t.DialTLSContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			c, err := r.opts.Dial(ctx, network, k.Addr.String())
			if err != nil {
				return nil, err
			}
			s := tls.Client(c, cfg)
			if err := s.HandshakeContext(ctx); err != nil {
				c.Close()
				return nil, err
			}
			return s, nil
		}
	} else {
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	// An empty message: five bytes of prefix.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+"://"+k.Addr.String()+"/grpc.health.v1.Health/Check", bytes.NewReader(make([]byte, 5)))
	if err != nil {
		return 0, err
	}
	req.Host = p.hostName(k)
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("TE", "trailers")
	res, err := t.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1024))
	if err != nil {
		return 0, err
	}
	code := res.Trailer.Get("Grpc-Status")
	if code == "" {
		code = res.Header.Get("Grpc-Status")
	}
	switch {
	case code == "12": // UNIMPLEMENTED
		return http.StatusOK, nil
	case code == "0" && serving(body):
		return http.StatusOK, nil
	}
	return http.StatusServiceUnavailable, nil
}

var errBadMessage = errors.New("not a gRPC message")

// serving reads a HealthCheckResponse: field 1, varint, 1 = SERVING.
func serving(body []byte) bool {
	if len(body) < 5 || body[0] != 0 || int(binary.BigEndian.Uint32(body[1:5])) != len(body)-5 {
		return false
	}
	status, err := healthStatus(body[5:])
	return err == nil && status == 1
}

func healthStatus(m []byte) (uint64, error) {
	status := uint64(0)
	for len(m) > 0 {
		tag, n := binary.Uvarint(m)
		if n <= 0 {
			return 0, errBadMessage
		}
		m = m[n:]
		v, n := binary.Uvarint(m)
		if n <= 0 {
			return 0, errBadMessage
		}
		m = m[n:]
		switch tag & 7 {
		case 0:
			if tag>>3 == 1 {
				status = v
			}
		case 2:
			if v > uint64(len(m)) {
				return 0, errBadMessage
			}
			m = m[v:]
		default:
			return 0, errBadMessage
		}
	}
	return status, nil
}
