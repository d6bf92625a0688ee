package dns

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gibbon-gateway/gibbon/engine/dns/dnstest"
)

func FuzzParseReply(f *testing.F) {
	q := dnsmessage.Question{Name: dnsmessage.MustNewName("a.test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	h := dnsmessage.Header{ID: 7, Response: true}
	f.Add(dnstest.Reply(h, q, [][]string{{"A", "60", "127.0.0.1"}, {"CNAME", "60", "b.test", "127.0.0.2"}}))
	srv := q
	srv.Type = dnsmessage.TypeSRV
	f.Add(dnstest.Reply(h, srv, [][]string{{"SRV", "60", "1", "1", "80", "b.test"}}))
	f.Fuzz(func(t *testing.T, msg []byte) {
		for _, q := range []dnsmessage.Question{q, srv} {
			if rep, err := parseReply(msg, 7, q); err == nil {
				rep.follow("a.test", Type(q.Type))
				rep.alias("a.test")
			}
		}
	})
}

func FuzzFiles(f *testing.F) {
	f.Add("127.0.0.1 a b # c\nnameserver 1.1.1.1\nsearch a b\noptions ndots:3 timeout:99999999999999999999\n")
	f.Fuzz(func(t *testing.T, text string) {
		hosts := map[string][]netip.Addr{}
		parseHosts(strings.NewReader(text), hosts)
		var c resolvConf
		c.parse(strings.NewReader(text))
		if c.ndots > maxNdots || c.attempts > maxAttempts || len(c.search) > maxSearch {
			t.Errorf("%+v is out of bounds", c)
		}
	})
}
