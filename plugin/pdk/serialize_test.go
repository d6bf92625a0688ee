package pdk_test

import (
	"reflect"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

func TestSetSerializeValue(t *testing.T) {
	e := pdktest.New(t, "GET /a%20b?x=1&y&x=2 HTTP/1.1\nHost: example.test\nAuthorization: Basic abc\nproxy_authorization: q\nX-Two: 1\nX-Two: 2\n")
	e.Router = pdk.Router{}
	for _, s := range []struct {
		key   string
		value any
		mode  string
	}{
		{"mine", "v", ""}, {"deep.er.key", []any{1.0}, "set"}, {"request.method", "FAKE", ""}, {"response", nil, ""}, {"num", 1.5, ""},
		{"added", 1.0, "add"}, {"mine", "no", "add"}, {"num", 2.0, "replace"}, {"missing", 2.0, "replace"}, {"mis.sing", 2.0, "replace"},
		{"added", nil, ""}, {"trail.", "t", ""}, {".lead", "l", ""}, {"dou..ble", "d", ""}, {"", "e", ""}, {"mine.below", "x", ""},
	} {
		if err := e.Log.SetSerializeValue(s.key, s.value, s.mode); err != nil {
			t.Error(err)
		}
	}
	if err := e.Log.SetSerializeValue("x", 1, "del"); err == nil {
		t.Error("mode del is accepted")
	}
	e.Phase = phase.Access
	if _, err := e.Log.Serialize(); err == nil || err.Error() != "function cannot be called in access phase (only in: log)" {
		t.Errorf("error %v", err)
	}
	e.Phase = phase.Log
	got, err := e.Log.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	request := got["request"].(map[string]any)
	headers := request["headers"].(map[string]any)
	for name, c := range map[string][2]any{
		"mine":     {got["mine"], "v"},
		"deep":     {got["deep"], map[string]any{"er": map[string]any{"key": []any{1.0}}}},
		"num":      {got["num"], 2.0},
		"added":    {got["added"], nil},
		"missing":  {got["missing"], nil},
		"mis":      {got["mis"], nil},
		"trail":    {got["trail"], map[string]any{"": "t"}},
		"lead":     {got[".lead"], "l"},
		"dou":      {got["dou"], map[string]any{"": map[string]any{"ble": "d"}}},
		"empty":    {got[""], "e"},
		"method":   {request["method"], "FAKE"},
		"response": {got["response"], nil},
		"url":      {request["url"], "http://example.test:8000/a%20b?x=1&y&x=2"},
		"query":    {request["querystring"], map[string]any{"x": []any{"1", "2"}, "y": true}},
		"auth":     {headers["authorization"], "REDACTED"},
		"proxy":    {headers["proxy_authorization"], "REDACTED"},
		"two":      {headers["x-two"], []any{"1", "2"}},
		"source":   {got["source"], "kong"},
		"proxy ms": {got["latencies"].(map[string]any)["proxy"], -1.0},
	} {
		if !reflect.DeepEqual(c[0], c[1]) {
			t.Errorf("%s: %v, want %v", name, c[0], c[1])
		}
	}
}

func TestSerializeDoesNotChangeRecords(t *testing.T) {
	e := pdktest.New(t, "GET /")
	e.Router = pdk.Router{}
	consumer := map[string]any{"id": "c", "username": "ann"}
	e.Phase = phase.Access
	if err := e.Client.Authenticate(consumer, map[string]any{"id": "k"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Log.SetSerializeValue("consumer.username", "hidden", ""); err != nil {
		t.Fatal(err)
	}
	e.Phase = phase.Log
	got, err := e.Log.Serialize()
	if err != nil || got["consumer"].(map[string]any)["username"] != "hidden" || consumer["username"] != "ann" {
		t.Errorf("%v, record %v, %v", got["consumer"], consumer, err)
	}
	if id := got["authenticated_entity"].(map[string]any)["id"]; id != "k" {
		t.Errorf("authenticated entity %v", id)
	}
}

func TestCtx(t *testing.T) {
	e := pdktest.New(t, "GET /").As("one")
	e.Ctx.Set("a", 1)
	e.Ctx.Set("a", 2)
	e.Ctx.SetShared("a", 3)
	if e.Ctx.Get("a") != 2 || e.Ctx.Shared("a") != 3 || e.Ctx.Get("b") != nil {
		t.Error("values of one")
	}
	e.As("two")
	if e.Ctx.Get("a") != nil || e.Ctx.Shared("a") != 3 {
		t.Error("values of two")
	}
}
