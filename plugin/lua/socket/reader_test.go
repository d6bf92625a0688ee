package socket

import (
	"strconv"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// endless sends parts, and then nothing more for now.
type endless struct{ parts []string }

func (e *endless) Read(p []byte) (int, error) {
	if len(e.parts) == 0 {
		return 0, loop.ErrAgain
	}
	n := copy(p, e.parts[0])
	e.parts = e.parts[1:]
	return n, nil
}

// A receive that could wait for ever gathers so many bytes and no more.
func TestTooMuch(t *testing.T) {
	part := strings.Repeat("x", 600)
	for _, c := range []struct {
		name string
		req  Request
		want string
	}{
		{"all", Request{Kind: All}, "0 too much data, 0 too much data"},
		{"line", Request{Kind: Line}, "0 too much data, 0 too much data"},
		{"until", Request{Kind: Until, Pattern: []byte("y")}, "0 too much data, 0 too much data"},
		{"count", Request{Kind: Count, N: 2000}, "0 too much data, 0 too much data"},
		{"count that fits", Request{Kind: Count, N: 1200}, "1200 , 1200 "},
		{"any", Request{Kind: Any, N: 5000}, "600 , 600 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := loop.New()
			if err != nil {
				t.Fatal(err)
			}
			var r Reader
			r.Init(l)
			defer r.Close()
			r.most = 1500
			r.Open(&endless{[]string{part, part, part, part}})
			var got []string
			for range 2 {
				told := "waits"
				r.Receive(c.req, func(data []byte, _ bool, err string) { told = strconv.Itoa(len(data)) + " " + err })
				got = append(got, told)
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("%s, want %s", s, c.want)
			}
		})
	}
}
