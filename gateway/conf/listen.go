package conf

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Address is one listener: `ADDR:PORT [flags]`.
type Address struct {
	// Network is tcp, udp or unix.
	Network string
	// Host is an IP address (IPv6 without brackets), or the path of a unix socket.
	Host string
	Port int
	// TLS, HTTP2 and ProxyProtocol are the flags ssl, http2 and proxy_protocol.
	TLS, HTTP2, ProxyProtocol bool
	Deferred, Bind, ReusePort bool
	// Backlog is the length of the accept queue; 0 = the system's.
	Backlog int
	// IPv6Only is nil when not given (nginx's default is on).
	IPv6Only *bool
	// KeepAlive is so_keepalive.
	KeepAlive KeepAlive
	// Text is the entry as written, spaces reduced.
	Text string
}

// KeepAlive is the so_keepalive flag: On nil = the system's setting.
type KeepAlive struct {
	On             *bool
	Idle, Interval time.Duration // 0 = the system's
	Count          int           // 0 = the system's
}

// listenForm is what a message says a listener looks like.
const listenForm = "[off] | ADDRESS:PORT | unix:PATH, then any of [ssl] [http2] [proxy_protocol] [deferred] [bind] [reuseport] [backlog=N] [ipv6only=on|off] [so_keepalive=on|off|IDLE:INTERVAL:COUNT] [udp], then [, next entry]"

// String is host:port as nginx writes it, or unix:PATH.
func (a Address) String() string {
	if a.Network == "unix" {
		return "unix:" + a.Host
	}
	host := a.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(a.Port)
}

// ParseListen reads a *_listen setting: entries separated by commas, or off.
// stream allows the flag udp and refuses http2.
func ParseListen(text string, stream bool) ([]Address, error) {
	text = strings.TrimSpace(text)
	if text == "off" || text == "" {
		return nil, nil
	}
	var out []Address
	for _, entry := range strings.Split(text, ",") {
		a, err := parseAddress(strings.Fields(entry), stream)
		if err != nil {
			return nil, err
		}
		for _, b := range out {
			if a.String() == b.String() && (a.Network == "udp") == (b.Network == "udp") {
				return nil, fmt.Errorf("%s is listed twice", a)
			}
		}
		out = append(out, a)
	}
	return out, nil
}

func parseAddress(words []string, stream bool) (Address, error) {
	if len(words) == 0 {
		return Address{}, fmt.Errorf("an entry is empty")
	}
	a := Address{Network: "tcp", Text: strings.Join(words, " ")}
	if path, ok := strings.CutPrefix(words[0], "unix:"); ok {
		if path == "" {
			return a, fmt.Errorf("%q has no path", words[0])
		}
		a.Network, a.Host = "unix", path
	} else {
		at := strings.LastIndexByte(words[0], ':')
		if at < 0 {
			return a, fmt.Errorf("%q has no port", words[0])
		}
		host := words[0][:at]
		port, err := strconv.ParseUint(words[0][at+1:], 10, 16)
		if err != nil {
			return a, fmt.Errorf("%q has no port between 0 and 65535", words[0])
		}
		if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
			host = host[1 : len(host)-1]
		} else if strings.Contains(host, ":") {
			return a, fmt.Errorf("the IPv6 address of %q needs brackets", words[0])
		}
		if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
			return a, fmt.Errorf("%q is not an IP address", host)
		}
		if host == "localhost" {
			host = "127.0.0.1"
		}
		a.Host, a.Port = host, int(port)
	}
	for _, w := range words[1:] {
		if err := a.flag(w, stream); err != nil {
			return a, err
		}
	}
	if a.Network == "udp" && (a.TLS || a.ProxyProtocol) {
		return a, fmt.Errorf("%s: udp goes with neither ssl nor proxy_protocol", a)
	}
	return a, nil
}

// flag applies one word behind the address.
func (a *Address) flag(word string, stream bool) error {
	name, value, valued := strings.Cut(word, "=")
	var err error
	switch {
	case word == "ssl":
		a.TLS = true
	case word == "http2" && !stream:
		a.HTTP2 = true
	case word == "proxy_protocol":
		a.ProxyProtocol = true
	case word == "deferred":
		a.Deferred = true
	case word == "bind":
		a.Bind = true
	case word == "reuseport":
		a.ReusePort = true
	case word == "udp" && stream && a.Network != "unix":
		a.Network = "udp"
	case name == "backlog" && valued:
		if a.Backlog, err = strconv.Atoi(value); err != nil || a.Backlog < 1 || a.Backlog > 1<<20 {
			return fmt.Errorf("backlog=%s is not a number from 1 to %d", value, 1<<20)
		}
	case name == "ipv6only" && (value == "on" || value == "off"):
		on := value == "on"
		a.IPv6Only = &on
	case name == "so_keepalive" && valued:
		a.KeepAlive, err = parseKeepAlive(value)
		return err
	default:
		return fmt.Errorf("unknown flag %q of %s", word, a)
	}
	return nil
}

// parseKeepAlive reads on, off or [idle]:[interval]:[count].
func parseKeepAlive(value string) (KeepAlive, error) {
	on := true
	k := KeepAlive{On: &on}
	switch value {
	case "on":
		return k, nil
	case "off":
		on = false
		return k, nil
	}
	bad := fmt.Errorf("so_keepalive=%s is neither on, off nor IDLE:INTERVAL:COUNT", value)
	parts := strings.Split(value, ":")
	if len(parts) != 3 || value == "::" {
		return k, bad
	}
	for i, d := range []*time.Duration{&k.Idle, &k.Interval} {
		if parts[i] != "" {
			v, err := ParseTime(parts[i])
			if err != nil {
				return k, bad
			}
			*d = v
		}
	}
	if parts[2] != "" {
		n, err := strconv.Atoi(parts[2])
		if err != nil || n < 1 || n > 127 {
			return k, bad
		}
		k.Count = n
	}
	return k, nil
}
