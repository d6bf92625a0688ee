package vault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// subfield picks the string under key from a resource that is a JSON object.
func subfield(text, key string) (string, error) {
	fail := func(format string, args ...any) (string, error) {
		return "", fmt.Errorf("could not get subfield value: "+format, args...)
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return fail("unable to json decode value (nil): %s", syntax([]byte(text)))
	}
	object, ok := v.(map[string]any)
	if !ok {
		if _, array := v.([]any); array {
			return fail("subfield %s not found in JSON secret", key)
		}
		return fail("unable to json decode value (%s): nil", luaType(v))
	}
	field, ok := object[key]
	if !ok {
		return fail("subfield %s not found in JSON secret", key)
	}
	s, ok := field.(string)
	if !ok {
		return fail("unexpected %s value in JSON secret for subfield %s", luaType(field), key)
	}
	return s, nil
}

// luaType names a decoded JSON value's type as Lua does.
func luaType(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case nil:
		return "userdata"
	}
	return "table"
}

// syntax says where JSON is broken: the first token that cannot be read.
func syntax(text []byte) string {
	d := json.NewDecoder(bytes.NewReader(text))
	var err error
	for err == nil {
		_, err = d.Token()
	}
	at := int(d.InputOffset())
	for at < len(text) && bytes.IndexByte([]byte(" \t\r\n,:"), text[at]) >= 0 {
		at++
	}
	if at >= len(text) || err == io.ErrUnexpectedEOF {
		return fmt.Sprintf("Expected value but found T_END at character %d", len(text)+1)
	}
	return fmt.Sprintf("Expected value but found invalid token at character %d", at+1)
}
