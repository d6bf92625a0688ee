package router

import (
	"testing"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

// TestWebSocketRoutes: a route for ws takes WebSocket requests only, and goes
// before a route for http that is as specific.
func TestWebSocketRoutes(t *testing.T) {
	page := &entity.Route{ID: "1", Name: "page", Protocols: []string{"http", "https"}, Paths: []string{"/chat"}}
	chat := &entity.Route{ID: "0", Name: "chat", Protocols: []string{"ws", "wss"}, Paths: []string{"/chat"}}
	only := &entity.Route{ID: "2", Name: "only", Protocols: []string{"ws"}, Paths: []string{"/only"}}
	secure := &entity.Route{ID: "3", Name: "secure", Protocols: []string{"wss"}, Paths: []string{"/secure"}}
	for _, flavor := range []Flavor{Compatible, Traditional} {
		r, problems := Build(flavor, []*entity.Route{page, chat, only, secure}, nil)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for _, c := range []struct {
			scheme, path string
			ws           bool
			want         string
			needs        bool
			redirect     int
		}{
			{"http", "/chat", false, "page", false, 0}, {"http", "/chat", true, "chat", false, 0}, {"http", "/only", true, "only", false, 0},
			{"http", "/only", false, "only", true, 0}, {"http", "/none", false, "", false, 0}, {"http", "/secure", true, "secure", false, 426},
			{"https", "/secure", true, "secure", false, 0},
		} {
			var m Match
			name := ""
			if r.Match(&Request{Method: "GET", Scheme: c.scheme, Host: "a.test", Path: c.path, WebSocket: c.ws}, &m) {
				name = m.Entry.Route.Name
			}
			if name != c.want || m.NeedsWebSocket != c.needs || m.Redirect != c.redirect {
				t.Errorf("%s %s: %+v gives %s %v %d", flavor, c.path, c, name, m.NeedsWebSocket, m.Redirect)
			}
		}
	}
}
