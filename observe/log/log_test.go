package log

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestErrorLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "error.log")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := NewLogger(s, Notice)
	l.Message(Notice, &Context{Connection: 7, Client: "127.0.0.1", Server: "kong", Request: "GET / HTTP/1.1", Host: "a\n[b]", RequestID: "abc"}, "[kong] handler.lua:3 [probe] hello")
	l.Message(Error, &Context{Connection: 7, Action: "reading response header from upstream", Client: "::1", Upstream: "http://127.0.0.1:1/"}, "connect() failed")
	l.Message(Warn, &Context{Phase: "init_worker_by_lua*"}, "early")
	l.Infof("not shown")
	l.SetLevel(Debug)
	l.Debugf("shown %d", 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Format("2006/01/02")
	head := func(level string) string { return fmt.Sprintf("[%s] %d#%d: ", level, os.Getpid(), os.Getpid()) }
	want := []string{
		head("notice") + `*7 [kong] handler.lua:3 [probe] hello, client: 127.0.0.1, server: kong, request: "GET / HTTP/1.1", host: "a\x0A[b]", request_id: "abc"`,
		head("error") + `*7 connect() failed while reading response header from upstream, client: ::1, upstream: "http://127.0.0.1:1/"`,
		head("warn") + `early, context: init_worker_by_lua*`,
		head("debug") + `shown 1`,
	}
	got := strings.Split(strings.TrimSuffix(read(t, path), "\n"), "\n")
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], now) || got[i][len("2006/01/02 15:04:05 "):] != want[i] {
			t.Errorf("%s\nwant %s", got[i], want[i])
		}
	}
	l.Errorf("after the end") // must neither block nor panic
}

func TestFlushesSoon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "error.log")
	s, err := Open(path, Options{Delay: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	NewLogger(s, Notice).Noticef("x")
	for end := time.Now().Add(5 * time.Second); read(t, path) == ""; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the line does not get to the file by itself")
		}
	}
}

func TestReopen(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "sub", "a.log")
	var files Files
	s, err := files.Open(path, Options{Delay: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := files.Open(path, Options{}); again != s {
		t.Error("one path is opened twice")
	}
	b := s.Buffer()
	b.Write([]byte("one\n"))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	b.Write([]byte("two\n"))
	if err := files.Reopen(); err != nil {
		t.Fatal(err)
	}
	b.Write([]byte("three\n"))
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if old, now := read(t, path+".1"), read(t, path); old != "one\ntwo\n" || now != "three\n" {
		t.Errorf("%q, %q", old, now)
	}
}

// slow is a file that takes nothing until it is let go.
type slow struct {
	gate chan struct{}
	bytes.Buffer
}

func (s *slow) Write(b []byte) (int, error) { <-s.gate; return s.Buffer.Write(b) }
func (s *slow) Close() error                { return nil }

func TestDropsWhatFindsNoRoom(t *testing.T) {
	file := &slow{gate: make(chan struct{})}
	var lost uint64
	s := &Sink{out: file, open: func() (io.WriteCloser, error) { return file, nil }}
	s.start(Options{Delay: time.Microsecond, Limit: 1000, Dropped: func(n uint64, err error) { lost += n }})
	b := s.Buffer()
	line := []byte(strings.Repeat("x", 99) + "\n")
	for i := 0; i < 100; i++ {
		b.Write(line)
	}
	close(file.gate)
	s.Close()
	if wrote := uint64(file.Len() / 100); wrote+lost != 100 || lost < 50 {
		t.Errorf("%d lines written, %d told lost", wrote, lost)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }
func (broken) Close() error              { return nil }

func TestTellsWriteErrors(t *testing.T) {
	s := &Sink{out: broken{}}
	var told error
	s.start(Options{Dropped: func(n uint64, err error) { told = err }})
	s.Buffer().Write([]byte("x\n"))
	if err := s.Flush(); err == nil || told == nil {
		t.Errorf("flush says %v, Dropped was told %v", err, told)
	}
	s.Close()
}

func TestConcurrentWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	s, err := Open(path, Options{Delay: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := 0; w < 4; w++ {
		b := s.Buffer()
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < 1000; i++ {
				b.Write([]byte(fmt.Sprintf("%d %d\n", w, i)))
			}
		}()
	}
	wg.Wait()
	s.Close()
	next := map[string]int{}
	for _, l := range strings.Split(strings.TrimSpace(read(t, path)), "\n") {
		w, i, _ := strings.Cut(l, " ")
		if i != fmt.Sprint(next[w]) {
			t.Fatalf("line %q, but %d of that writer is due", l, next[w])
		}
		next[w]++
	}
	if len(next) != 4 || next["0"] != 1000 {
		t.Errorf("%v", next)
	}
}

func TestParseLevel(t *testing.T) {
	for i, n := range levelNames {
		if l, err := ParseLevel(n); err != nil || l != Level(i) || l.String() != n {
			t.Errorf("%s: %v, %v", n, l, err)
		}
	}
	if _, err := ParseLevel("loud"); err == nil {
		t.Error("loud is a level")
	}
}

// vars is a lookup in a map.
type vars map[string]string

func (v vars) AppendVariable(dst []byte, id int, name string) ([]byte, bool) {
	s, ok := v[name]
	return append(dst, s...), ok
}

func TestFormat(t *testing.T) {
	v := vars{"remote_addr": "127.0.0.1", "request": "GET /\"\x01é HTTP/1.1", "status": "200", "empty": "", "lines": "a\n\t\x02\"\\é\xff"}
	for _, one := range []struct{ text, escape, want string }{
		{Formats["combined"], "", `127.0.0.1 - - [-] "GET /\x22\x01\xC3\xA9 HTTP/1.1" 200 - "-" "-"`},
		{"a${status}b$empty|$none", "default", "a200b|-"},
		{`{"l":"$lines","n":"$none"}`, "json", `{"l":"a\n\t\u0002\"\\é` + "\ufffd" + `","n":""}`},
		{"$lines", "none", "a\n\t\x02\"\\é\xff"},
		{"100% no variable", "", "100% no variable"},
	} {
		f, err := Compile(one.text, one.escape, nil)
		if err != nil {
			t.Errorf("%s: %v", one.text, err)
			continue
		}
		if got := string(f.Append(nil, v)); got != one.want {
			t.Errorf("%s: %q, want %q", one.text, got, one.want)
		}
	}
	for _, text := range []string{"$", "${", "${}", "${a b}", "a $ b", "$-"} {
		if _, err := Compile(text, "", nil); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if _, err := Compile("$nope", "", func(string) (int, bool) { return 0, false }); err == nil {
		t.Error("an unknown variable is taken")
	}
}

func FuzzFormat(f *testing.F) {
	f.Add("a ${b} $c", "default", "x\"\xff")
	f.Fuzz(func(t *testing.T, text, escape, value string) {
		format, err := Compile(text, escape, nil)
		if err == nil && escape != "none" && !strings.ContainsAny(text, "\n") && bytes.IndexByte(format.Append(nil, every(value)), '\n') >= 0 {
			t.Errorf("%q, %q: a value can break the line", text, value)
		}
	})
}

// every gives the same value to each variable.
type every string

func (v every) AppendVariable(dst []byte, _ int, _ string) ([]byte, bool) {
	return append(dst, v...), true
}

func TestAllocations(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "a.log"), Options{Delay: time.Hour, Limit: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := NewLogger(s, Notice)
	if n := testing.AllocsPerRun(100, func() {
		if l.On(Debug) {
			l.Debugf("x %d", 1)
		}
	}); n > 0 {
		t.Errorf("a line below the level allocates %v times", n)
	}
	f, _ := Compile(Formats["combined"], "", nil)
	a := NewAccess(s, f)
	var v Variables = every("value")
	for i := 0; i < 5000; i++ {
		a.Log(v)
	}
	s.Flush()
	if n := testing.AllocsPerRun(100, func() { a.Log(v) }); n > 0 {
		t.Errorf("an access log line allocates %v times", n)
	}
}

func BenchmarkAccess(b *testing.B) {
	s, err := Open(os.DevNull, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	f, _ := Compile(Formats["combined"], "", nil)
	a := NewAccess(s, f)
	var v Variables = every("value")
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		a.Log(v)
	}
}
