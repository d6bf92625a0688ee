package luajit

import (
	"fmt"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

func begin(t testing.TB, pool *message.Pool) *message.Exchange {
	t.Helper()
	x := &message.Exchange{}
	if err := x.Begin(pool); err != nil {
		t.Fatal(err)
	}
	return x
}

// table is what a header table holds, removed fields included.
func table(x *message.Exchange) []string {
	var out []string
	fields := x.Fields(&x.Request)
	for i := range fields {
		f := &fields[i]
		out = append(out, fmt.Sprintf("%s: %s %d %d", x.NameOf(f), x.ValueOf(f), f.Flags, f.ID))
	}
	return out
}

// C and Go edit one and the same table: any sequence of edits must leave the
// same one, whoever made it.
func TestHeaderEditsAreTheSameInCAndGo(t *testing.T) {
	var pool message.Pool
	defer pool.Close()
	rnd := rand.New(rand.NewSource(3))
	names := []string{"Host", "host", "X-A", "x-a", "X_A", "Via", "Content-Length", "X-Long-" + strings.Repeat("n", 300), "@", "`", "[", "{"}
	values := []string{"", "v", "some value", strings.Repeat("x", 700), strings.Repeat("x", 5000)}
	for i := range 300 {
		c, g := begin(t, &pool), begin(t, &pool)
		for range 60 {
			name, value := names[rnd.Intn(len(names))], values[rnd.Intn(len(values)-i%2)]
			switch op := []string{"add", "set", "del", "find"}[rnd.Intn(4)]; op {
			case "add", "set":
				edit := g.Add
				if op == "set" {
					edit = g.Set
				}
				ok := headOp(c.Shared, &c.Request, op, name, value) == 1
				if err := edit(&g.Request, name, value); (err == nil) != ok {
					t.Fatalf("%s %s: C %v, Go %v", op, name, ok, err)
				}
			case "del":
				if got, want := headOp(c.Shared, &c.Request, op, name, "") == 1, g.Del(&g.Request, name); got != want {
					t.Fatalf("del %s: C %v, Go %v", name, got, want)
				}
			case "find":
				at, f := headOp(c.Shared, &c.Request, op, name, ""), g.Find(&g.Request, name)
				if (at >= 0) != (f != nil) || f != nil && &g.Fields(&g.Request)[at] != f {
					t.Fatalf("find %s: C %d, Go %v", name, at, f)
				}
			}
			if c.Cap-c.Used != g.Cap-g.Used || (c.Second == 0) != (g.Second == 0) || (c.Large == 0) != (g.Large == 0) {
				t.Fatalf("room: C %d of %d, Go %d of %d", c.Used, c.Cap, g.Used, g.Cap)
			}
		}
		if got, want := table(c), table(g); !reflect.DeepEqual(got, want) {
			t.Fatalf("C\n%s\nGo\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		c.End()
		g.End()
	}
}

func TestARegionThatIsFull(t *testing.T) {
	var pool message.Pool
	defer pool.Close()
	x := begin(t, &pool)
	defer x.End()
	big := strings.Repeat("x", 100_000)
	n := 0
	for headOp(x.Shared, &x.Request, "add", "X-Big", big) == 1 {
		if n++; n > 100 {
			t.Fatal("the region never gets full")
		}
	}
	if headOp(x.Shared, &x.Request, "add", strings.Repeat("n", 70_000), "v") == 1 {
		t.Error("a name of 70,000 bytes was taken")
	}
	if got := len(x.Fields(&x.Request)); got != n {
		t.Errorf("%d fields after %d edits that succeeded", got, n)
	}
	if headOp(x.Shared, &x.Request, "add", "X-Small", "v") != 1 {
		t.Error("a small field finds no room")
	}
}

func TestFindAlike(t *testing.T) {
	var pool message.Pool
	defer pool.Close()
	x := begin(t, &pool)
	defer x.End()
	headOp(x.Shared, &x.Request, "add", "X-Some_Name", "v")
	for name, want := range map[string]int{"x_some_name": 0, "X-SOME-NAME": 0, "x-some-name": 0, "x-some-names": -1, "x+some-name": -1, "": -1} {
		if got := headOp(x.Shared, &x.Request, "alike", name, ""); got != want {
			t.Errorf("alike %q: %d, want %d", name, got, want)
		}
	}
}
