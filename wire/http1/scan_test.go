package http1

import (
	"bytes"
	"math/rand/v2"
	"syscall"
	"testing"
)

// FuzzScan compares the scans of sixteen bytes at a time with those of one,
// for each way that the bytes can lie to the end of their page, where another
// byte must not be touched.
func FuzzScan(f *testing.F) {
	page := syscall.Getpagesize()
	mem, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(mem) }()
	for _, at := range []int{0, 2 * page} { // guards before and behind
		if err := syscall.Mprotect(mem[at:at+page], syscall.PROT_NONE); err != nil {
			f.Fatal(err)
		}
	}
	mem = mem[page : 2*page]
	for _, s := range []string{"", "a", "Content-Length", "X-Request-Source: mobile\r\nCookie: a=b\r\n\r\n", "a\tb\x7fc", "\n\r\n", "Host: a.example:8000\r\n", "Host:a\r\nX: 0123456789", "X-Long-Name-Of-A-Field:  two blanks\r\n", "Name: v\tw\r\n0123456789", "0123456789abcdef0123456789ABCDEF-@[`{/:é"} {
		f.Add([]byte(s))
	}
	var all []byte
	for c := range 256 {
		all = append(all, "0123456789abcdefghij"...)
		all[len(all)-1-c%20] = byte(c)
		f.Add(bytes.Clone(all[len(all)-20:]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || len(b) > page {
			return
		}
		for _, at := range []int{0, rand.IntN(page - len(b) + 1), page - len(b)} {
			in := mem[at : at+len(b)]
			copy(in, b)
			if got, want := textLength(&in[0], len(in)), slowTextLength(in); got != want {
				t.Errorf("textLength(%q) = %d, want %d", in, got, want)
			}
			if got, want := lineBreak(&in[0], len(in)), slowLineBreak(in); got != want {
				t.Errorf("lineBreak(%q) = %d, want %d", in, got, want)
			}
			name, value, end := usualLine(&in[0], len(in))
			n, v, e := slowUsualLine(in)
			if end >= 0 && (name != n || value != v || end != e) || end < 0 && e >= 0 && len(in) > n+16 {
				t.Errorf("usualLine(%q) = %d, %d, %d, want %d, %d, %d", in, name, value, end, n, v, e)
			}
		}
	})
}
