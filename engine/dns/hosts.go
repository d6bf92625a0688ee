package dns

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
)

// maxLine bounds a line of the hosts file and of resolv.conf.
const maxLine = 64 << 10

// readHosts reads a hosts file; localhost is known even where it is not listed.
func readHosts(path string) (map[string][]netip.Addr, error) {
	hosts := make(map[string][]netip.Addr)
	if path != "" {
		f, err := os.Open(path)
		switch {
		case err == nil:
			defer f.Close()
			if err := parseHosts(f, hosts); err != nil {
				return nil, fmt.Errorf("dns_hostsfile %s: %w", path, err)
			}
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("dns_hostsfile: %w", err)
		}
	}
	if len(hosts["localhost"]) == 0 {
		hosts["localhost"] = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	return hosts, nil
}

// parseHosts adds the lines of a hosts file; lines that are none are passed over.
func parseHosts(r io.Reader, hosts map[string][]netip.Addr) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	for sc.Scan() {
		line, _, _ := strings.Cut(sc.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			name = normalise(name)
			hosts[name] = append(hosts[name], addr)
		}
	}
	return sc.Err()
}

// fromHosts answers from the hosts file: the first line of the name that has
// an address of a type in the order, first types first.
func (r *Resolver) fromHosts(name string, order []Type) *Answer {
	addrs := r.hosts[name]
	if len(addrs) == 0 {
		return nil
	}
	for _, t := range order {
		for _, addr := range addrs {
			if t == TypeA && addr.Is4() || t == TypeAAAA && addr.Is6() {
				a := literal(name, addr)
				return a
			}
		}
	}
	return nil
}
