package errorpage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const id = "0123456789abcdef0123456789abcdef"

// The lengths are recorded Content-Lengths.
func TestRecordedLengths(t *testing.T) {
	for _, c := range []struct {
		kind    Kind
		message string
		length  int
	}{
		{JSON, "not for you", 80}, {HTML, "not for you", 220}, {XML, "not for you", 147}, {Plain, "not for you", 57},
		{JSON, "no Route matched with those values", 103}, {HTML, "no Route matched with those values", 243},
		{XML, "no Route matched with those values", 170}, {Plain, "no Route matched with those values", 80},
		{JSON, Message(502), 126}, {JSON, Message(431), 100}, {JSON, Message(494), 103}, {JSON, Message(599), 107},
		{JSON, Message(511), 100}, {JSON, Message(451), 98},
		{GRPC, "x", 0},
	} {
		if got := Default().Append(nil, c.kind, c.message, id); len(got) != c.length {
			t.Errorf("%v of %q has %d bytes, want %d:\n%s", c.kind, c.message, len(got), c.length, got)
		}
	}
	if page, _ := Bare(403); len(page) != 118 {
		t.Errorf("page of 403 has %d bytes:\n%s", len(page), page)
	}
	if _, ok := Bare(418); ok {
		t.Error("418 has a page")
	}
}

func TestByAccept(t *testing.T) {
	for accept, want := range map[string]Kind{
		"text/html": HTML, "application/xml": XML, "text/plain": Plain, "application/json": JSON, "*/*": JSON,
		"image/png": JSON, "text/*": Plain, "application/*": JSON, "application/grpc": GRPC, "text/xml": JSON, "": JSON,
		"TEXT/HTML": JSON, "text/plain; q=0, */*": JSON, "text/html, application/json": HTML, "junk": JSON,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": HTML,
		"text/html;q=0.1, application/xml;q=0.9":                          XML,
		"application/json;q=0.1, text/plain;q=0.9":                        Plain,
		"application/problem+json":                                        JSON,
		"text/html; q = 0.2 ;level=1, text/plain;q=x":                     Plain,
	} {
		if got := ByAccept(accept); got != want {
			t.Errorf("%q gives %v, want %v", accept, got, want)
		}
	}
	long := strings.Repeat("image/png;q=0.1,", 100000) + "text/html"
	if got := ByAccept(long); got != JSON {
		t.Errorf("entries beyond the bound count: %v", got)
	}
}

func TestForProxy(t *testing.T) {
	for _, c := range []struct {
		accept string
		has    bool
		ct     string
		want   Kind
	}{
		{"", false, "", Plain}, {"", true, "", JSON}, {"", false, "text/plain", Plain}, {"text/html", true, "text/plain", HTML},
		{"", false, "application/grpc", GRPC}, {"", false, "image/png", Plain}, {"", false, "application/json; charset=x", JSON},
	} {
		if got := ForProxy(c.accept, c.has, c.ct, Plain); got != c.want {
			t.Errorf("%+v gives %v", c, got)
		}
	}
}

func TestGRPCStatus(t *testing.T) {
	for status, want := range map[int]int{
		200: 0, 401: 16, 404: 5, 418: 3, 429: 8, 503: 14, 507: 13, 302: 2, 403: 7, 500: 13, 504: 4, 400: 3, 409: 6, 501: 12, 502: 13,
	} {
		if got, _ := GRPCStatus(status); got != want {
			t.Errorf("%d gives %d, want %d", status, got, want)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "e.json")
	if err := os.WriteFile(path, []byte(`{"m": "%s", "p": "100%%", "id": "%s %s %d"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tpl, err := Load(Files{JSON: path})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(tpl.Append(nil, JSON, "a%sb", "X")), `{"m": "a%sb", "p": "100%", "id": "X %s %d"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if tpl.HTML != Default().HTML {
		t.Error("a template without a file changed")
	}
	if _, err := Load(Files{XML: "/missing/file"}); err == nil || !strings.Contains(err.Error(), "error_template_xml") {
		t.Errorf("error %v", err)
	}
}

func FuzzByAccept(f *testing.F) {
	for _, s := range []string{"text/html;q=0.1, application/xml;q=0.9", ",;=q", "a;q=NaN,text/html", "*/*;q=1e999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if k := ByAccept(accept); k >= kinds {
			t.Errorf("kind %d", k)
		}
	})
}
