package dns

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// resolvConf is what counts of a resolv.conf.
type resolvConf struct {
	servers  []netip.AddrPort
	search   []string
	ndots    int
	timeout  time.Duration
	attempts int
	rotate   bool
}

// The reference's defaults where resolv.conf says nothing, and resolver(5)'s
// upper limits.
const (
	defaultTimeout  = 2 * time.Second
	defaultAttempts = 5
	maxNdots        = 15
	maxTimeout      = 30
	maxAttempts     = 5
	maxSearch       = 32
)

// readResolvConf reads the file; without one, the server is the local machine.
func readResolvConf(path string) (resolvConf, error) {
	c := resolvConf{ndots: 1, timeout: defaultTimeout, attempts: defaultAttempts}
	f, err := os.Open(path)
	switch {
	case err == nil:
		defer f.Close()
		if err := c.parse(f); err != nil {
			return c, fmt.Errorf("%s: %w", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return c, err
	}
	if words := strings.Fields(os.Getenv("LOCALDOMAIN")); len(words) > 0 {
		c.searchList(words)
	}
	c.options(strings.Fields(os.Getenv("RES_OPTIONS")))
	if len(c.servers) == 0 {
		c.servers = []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 53)}
	}
	return c, nil
}

// parse reads resolver(5) lines; unknown ones are passed over as libc does.
func (c *resolvConf) parse(r io.Reader) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	for sc.Scan() {
		line, _, _ := strings.Cut(sc.Text(), "#")
		line, _, _ = strings.Cut(line, ";")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			if ap, err := ParseServers(fields[1:2]); err == nil {
				c.servers = append(c.servers, ap...)
			}
		case "domain", "search":
			c.searchList(fields[1:])
		case "options":
			c.options(fields[1:])
		}
	}
	return sc.Err()
}

func (c *resolvConf) searchList(words []string) {
	c.search = c.search[:0]
	for _, s := range words {
		if s = normalise(s); s != "" && len(c.search) < maxSearch {
			c.search = append(c.search, s)
		}
	}
}

func (c *resolvConf) options(words []string) {
	for _, w := range words {
		name, value, _ := strings.Cut(w, ":")
		n, err := strconv.Atoi(value)
		switch {
		case name == "rotate":
			c.rotate = true
		case err != nil || n < 0:
		case name == "ndots":
			c.ndots = min(n, maxNdots)
		case name == "timeout" && n > 0:
			c.timeout = time.Duration(min(n, maxTimeout)) * time.Second
		case name == "attempts" && n > 0:
			c.attempts = min(n, maxAttempts)
		}
	}
}

// candidates are the full names to ask for, in order: a name with at least
// ndots dots as it stands first, else last.
func (c *resolvConf) candidates(name string) []string {
	if len(c.search) == 0 {
		return []string{name}
	}
	list := make([]string, 0, len(c.search)+1)
	asIs := strings.Count(name, ".") >= c.ndots
	if asIs {
		list = append(list, name)
	}
	for _, s := range c.search {
		list = append(list, name+"."+s)
	}
	if !asIs {
		list = append(list, name)
	}
	return list
}
