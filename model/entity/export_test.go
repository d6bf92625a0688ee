package entity

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"
)

// TestRecordedSchemas compares the schemas with what the reference's
// /schemas/NAME answered.
func TestRecordedSchemas(t *testing.T) {
	raw, err := os.ReadFile("testdata/schemas.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]any
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for name, w := range want {
		b, _ := json.Marshal(schemaOf(t, name, Options{}).Export())
		var got map[string]any
		json.Unmarshal(b, &got)
		scrubSchema(got)
		scrubSchema(w)
		compareFields(t, name, got["fields"].([]any), w["fields"].([]any))
		g, _ := json.Marshal(got["entity_checks"])
		wc, _ := json.Marshal(w["entity_checks"])
		if string(g) != string(wc) {
			t.Errorf("%s entity_checks:\n got %s\nwant %s", name, g, wc)
		}
	}
}

// scrubSchema drops what differs on purpose: the reference shows some error
// texts and hides others, its rules written as functions are split in another
// way, and its free edition knows no ws and wss.
func scrubSchema(v any) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if l, ok := e.([]any); ok {
				x[k] = slices.DeleteFunc(l, func(e any) bool {
					pair, _ := e.([]any)
					return e == "ws" || e == "wss" || len(pair) == 2 && pair[0] == "ws"
				})
			}
		}
		delete(x, "err")
		delete(x, "json_schema")
		if x["unique"] == false {
			delete(x, "unique")
		}
		if l, ok := x["entity_checks"].([]any); ok {
			x["entity_checks"] = slices.DeleteFunc(l, func(e any) bool { return e.(map[string]any)["custom_entity_check"] != nil })
		}
		for _, e := range x {
			scrubSchema(e)
		}
	case []any:
		for _, e := range x {
			scrubSchema(e)
		}
	}
}

func compareFields(t *testing.T, name string, got, want []any) {
	byName := map[string]any{}
	for _, f := range got {
		for k, v := range f.(map[string]any) {
			byName[k] = v
		}
	}
	for _, f := range want {
		for k, v := range f.(map[string]any) {
			if !reflect.DeepEqual(byName[k], v) {
				g, _ := json.Marshal(byName[k])
				w, _ := json.Marshal(v)
				t.Errorf("%s.%s:\n got %s\nwant %s", name, k, g, w)
			}
			delete(byName, k)
		}
	}
	for k := range byName {
		t.Errorf("%s.%s is not in the reference", name, k)
	}
}
