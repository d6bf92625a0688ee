package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// A handler that misbehaves fails its own request: a 500, a line in the log, and the next request works.
func TestRunawayLua(t *testing.T) {
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) }))
	g := start(t, everythingTo(up, "    plugins:", "    - name: runaway", ""))
	c := client()
	ask := func(t *testing.T, how string) (int, string) {
		r, _ := http.NewRequest(http.MethodGet, "http://"+g.addr+"/", nil)
		r.Header.Set("X-How", how)
		resp, body := do(t, c, r)
		return resp.StatusCode, body
	}
	for _, how := range []string{
		"loop", "loop in pcall", "loop in a coroutine", "loop in C", "allocate", "allocate strings", "allocate in pcall", "recurse", "recurse in gsub", "recurse in a coroutine",
		"error with a table", "error with nil", "error in a metamethod", "error in a coroutine",
	} {
		t.Run(how, func(t *testing.T) {
			before := len(g.log())
			began := time.Now()
			if status, body := ask(t, how); status != http.StatusInternalServerError {
				t.Errorf("status %d, %s", status, body)
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("took %v", took)
			}
			if status, body := ask(t, ""); status != http.StatusOK || body != "ok" {
				t.Errorf("the next request: status %d, %s", status, body)
			}
			for end := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				if strings.Contains(g.log()[before:], "runaway") {
					break
				}
				if time.Now().After(end) {
					t.Errorf("no line in the log names the plugin: %s", g.log()[before:])
					break
				}
			}
			if g.HasEnded() {
				t.Fatal("the gateway has ended")
			}
		})
	}
}
