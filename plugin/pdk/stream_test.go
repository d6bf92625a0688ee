package pdk

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

func TestExitOfAStream(t *testing.T) {
	tests := map[string]struct {
		status int
		body   any
		err    string // part of it, "" = the session ends
	}{
		"with a text":    {400, "bad", ""},
		"without a body": {503, nil, ""},
		"other status":   {418, nil, "must be one of 200, 400, 403, 500, 502, 503: given 418"},
		"no status":      {42, nil, "between 100 and 599"},
		"a table":        {200, map[string]any{"a": 1}, "nil or a string"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			k := &Kong{}
			k.Reset(&Gateway{}, nil, &message.Exchange{}, nil)
			k.Stream, k.Phase = &Stream{}, phase.Preread
			err := k.Response.Exit(tc.status, tc.body, H("X-Ignored", "1"))
			if tc.err == "" {
				text, _ := tc.body.(string)
				if err != ErrExit || k.Answer.Status != tc.status || string(k.Answer.Body) != text {
					t.Errorf("%v, answer %+v", err, k.Answer)
				}
			} else if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
		})
	}
}
