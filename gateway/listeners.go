package gateway

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/gateway/prefix"
	"github.com/gibbon-gateway/gibbon/proxy"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// openListeners opens the proxy's sockets: one per address, or one per worker
// where the address says reuseport. The result has one list per worker.
func (n *node) openListeners() ([][]*proxy.Listener, error) {
	perWorker := make([][]*proxy.Listener, len(n.workers))
	for i, a := range n.conf.Listen.Proxy {
		sockets := 1
		if a.ReusePort && a.Network != "unix" {
			sockets = len(n.workers)
		}
		var fds []int
		var addr netip.AddrPort
		for k := 0; k < sockets; k++ {
			fd, at, err := openStreamSocket(a, loop.ListenOptions{Backlog: a.Backlog, ReusePort: a.ReusePort, IPv6Only: a.IPv6Only, Deferred: a.Deferred})
			if err != nil {
				return nil, fmt.Errorf("proxy_listen: %w", err)
			}
			n.listening = append(n.listening, fd)
			if path := unixPath(a); path != "" {
				n.unixPaths = append(n.unixPaths, path)
			}
			fds, addr = append(fds, fd), at
		}
		for w := range perWorker {
			l := &proxy.Listener{Index: i, Addr: addr, Path: unixPath(a), FD: fds[w%len(fds)], HTTP2: a.HTTP2, ProxyProtocol: a.ProxyProtocol}
			if a.TLS {
				l.TLS = n.serverTLS(a)
			}
			perWorker[w] = append(perWorker[w], l)
		}
	}
	return perWorker, nil
}

// openStreamSocket listens on a TCP address or a unix socket, which has no address.
func openStreamSocket(a conf.Address, o loop.ListenOptions) (fd int, addr netip.AddrPort, err error) {
	if path := unixPath(a); path != "" {
		fd, err = loop.ListenUnix(path, o)
	} else if addr, err = resolveListen(a); err == nil {
		fd, err = loop.Listen(addr, o)
	}
	if err != nil {
		return -1, addr, fmt.Errorf("cannot listen on %s: %w", a, err)
	}
	return fd, addr, nil
}

// unixPath is where a unix socket lies, "" for other addresses.
func unixPath(a conf.Address) string {
	if a.Network == "unix" {
		return a.Host
	}
	return ""
}

// removeSockets takes the files of unix sockets away that this process opened,
// when it does not listen on them any more.
func removeSockets(paths *[]string) {
	for _, path := range *paths {
		_ = os.Remove(path)
	}
	*paths = nil
}

// resolveListen makes an address of a listener's host and port.
func resolveListen(a conf.Address) (netip.AddrPort, error) {
	host := strings.Trim(a.Host, "[]")
	if host == "" || host == "*" {
		host = "0.0.0.0"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		ips, e := net.LookupIP(host)
		if e != nil || len(ips) == 0 {
			return netip.AddrPort{}, fmt.Errorf("%s: no such host", a)
		}
		ip, _ = netip.AddrFromSlice(ips[0])
		ip = ip.Unmap()
	}
	return netip.AddrPortFrom(ip, uint16(a.Port)), nil
}

func (n *node) closeListeners() {
	for _, fd := range n.listening {
		_ = unix.Close(fd)
	}
	removeSockets(&n.unixPaths)
	n.listening = nil
}

// loadPairs reads certificates of settings: paths or PEM texts; none means the
// generated ones of the prefix.
func loadPairs(c *conf.Config, pairs []conf.KeyPair, name string) ([]tls.Certificate, error) {
	if len(pairs) == 0 {
		pairs = []conf.KeyPair{prefix.DefaultPair(c, name)}
	}
	var out []tls.Certificate
	for _, p := range pairs {
		cert, err := pem(p.Cert)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", p.Cert, err)
		}
		key, err := pem(p.Key)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", p.Key, err)
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", p.Cert, err)
		}
		out = append(out, pair)
	}
	return out, nil
}

// pem is the text itself, or what the file of that name holds.
func pem(s string) ([]byte, error) {
	if strings.Contains(s, "-----BEGIN") {
		return []byte(s), nil
	}
	return os.ReadFile(s)
}
