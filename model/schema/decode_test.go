package schema

import (
	"reflect"
	"strings"
	"testing"
)

type ref struct{ ID string }

type decoded struct {
	ID           string
	HTTPPath     string
	TLSVerify    *bool
	MaxAge       *int
	Port         int
	Ratio        float64
	SNIs         []string `kong:"snis"`
	Statuses     []int
	Headers      map[string][]string
	Codes        map[int]string
	Service      ref
	Consumer     string
	Inner        struct{ A, B string }
	List         []struct{ IP string }
	Any          any
	Skipped      string `kong:"-"`
	PathHandling string
}

func TestDecode(t *testing.T) {
	yes := true
	var d decoded
	err := Decode(map[string]any{
		"id": "x", "http_path": "/p", "tls_verify": true, "max_age": Null, "port": 80.0, "ratio": 0.5, "snis": []any{"a", "b"},
		"statuses": []any{200.0, 302.0}, "headers": map[string]any{"h": []any{"v"}}, "codes": map[string]any{"7": "seven"},
		"service": map[string]any{"id": "s"}, "consumer": map[string]any{"id": "c"}, "inner": map[string]any{"a": "1"},
		"list": []any{map[string]any{"ip": "::1"}}, "any": []any{1.0}, "skipped": "no", "path_handling": "v1", "unknown": 1.0,
	}, &d)
	want := decoded{ID: "x", HTTPPath: "/p", TLSVerify: &yes, Port: 80, Ratio: 0.5, SNIs: []string{"a", "b"}, Statuses: []int{200, 302},
		Headers: map[string][]string{"h": {"v"}}, Codes: map[int]string{7: "seven"}, Service: ref{"s"}, Consumer: "c",
		List: []struct{ IP string }{{"::1"}}, Any: []any{1.0}, PathHandling: "v1"}
	want.Inner.A = "1"
	if err != nil || !reflect.DeepEqual(d, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, d, want)
	}
}

func TestDecodeErrors(t *testing.T) {
	for field, v := range map[string]any{"port": 1.5, "id": 3.0, "statuses": []any{"x"}, "headers": map[string]any{"a": "b"}, "ratio": "1", "tls_verify": "yes", "service": "s"} {
		var d decoded
		err := Decode(map[string]any{field: v}, &d)
		if err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	var small struct{ N int8 }
	if Decode(map[string]any{"n": 300.0}, &small) == nil {
		t.Error("overflow accepted")
	}
	if Decode(nil, small) == nil {
		t.Error("no pointer accepted")
	}
}

func TestSnake(t *testing.T) {
	for in, want := range map[string]string{"ID": "id", "TLSVerify": "tls_verify", "HTTPSRedirectStatusCode": "https_redirect_status_code",
		"HashOnURICapture": "hash_on_uri_capture", "Name": "name", "CACertificates": "ca_certificates", "KeyNames": "key_names",
		"HTTPSSNI": "httpssni", "SNIs": "snis", "UseSRVName": "use_srv_name", "A": "a", "IsHTTP2": "is_http2"} {
		if got := snake(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
