package router

import (
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/router/atc"
)

// state is what one Match works with.
type state struct {
	flavor Flavor
	tls    bool
	// host is without port; folded is in lower case (traditional flavor).
	host, folded string
	// port is that of the Host header; where the header has none, that of the
	// listener, or in the traditional flavor that of the scheme. It is what
	// hosts, destinations and net.dst.port mean: the reference makes one field of them.
	port int

	best    int32   // position of the best rule so far
	hit     atc.Hit // of the expression tried last
	bestHit atc.Hit // of the best rule

	fields  atc.Values
	filled  bool
	scratch []byte // of fold
}

func (st *state) begin(req *Request) {
	st.tls = overTLS(req.Scheme)
	host, port := splitPort(req.Host)
	st.host, st.port = host, 0
	switch number := portNumber(port); {
	case port != "" && (number >= 0 || st.flavor == Traditional):
		st.port = number
	case st.flavor != Traditional:
		st.port = req.DstPort
	case st.tls:
		st.port = 443
	default:
		st.port = 80
	}
	if st.flavor == Traditional {
		st.folded = strings.ToLower(host)
	}
}

// fieldsOf gives expressions their view of the request; the first expression of
// a Match pays for it.
func (st *state) fieldsOf(req *Request) *atc.Values {
	st.hit = atc.Hit{}
	f := &st.fields
	if st.filled {
		return f
	}
	st.filled = true
	f.Protocol, f.SNI, f.Method = netProtocol(req.Scheme), req.SNI, req.Method
	f.Host, f.Path, f.Query = st.host, req.Path, req.Query
	f.Header = req.Header
	f.SrcIP, f.SrcPort, f.DstIP, f.DstPort = req.SrcIP, req.SrcPort, req.DstIP, st.port
	if !st.tls {
		f.SNI = ""
	}
	return f
}

// netProtocol is net.protocol: gRPC calls and WebSockets have that of HTTP.
func netProtocol(scheme string) string {
	switch scheme {
	case "grpc", "ws":
		return "http"
	case "grpcs", "wss":
		return "https"
	}
	return scheme
}

// end drops what points into the request.
func (st *state) end() {
	st.host, st.folded, st.hit = "", "", atc.Hit{}
	if st.filled {
		st.fields.Reset()
		st.filled = false
	}
}

// portNumber is -1 for what is no port, so that no pattern has it.
func portNumber(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' || n > 65535 {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}
