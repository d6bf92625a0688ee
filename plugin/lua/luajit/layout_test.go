package luajit

import (
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// goLayout lists the same numbers as layout.go's C table from the Go types.
func goLayout() []uint32 {
	var f message.Field
	l := []uint32{uint32(unsafe.Sizeof(message.Shared{})), uint32(unsafe.Sizeof(f)), uint32(unsafe.Sizeof(message.Head{})),
		uint32(unsafe.Sizeof(message.Str{})), uint32(unsafe.Sizeof(message.Str16{})),
		uint32(unsafe.Offsetof(f.Value)), uint32(unsafe.Offsetof(f.Flags)), uint32(unsafe.Offsetof(f.ID))}
	t := reflect.TypeOf(message.Shared{})
	for i := range t.NumField() {
		if m := t.Field(i); m.Name != "_" {
			l = append(l, uint32(m.Offset))
		}
	}
	return l
}

func TestExchangeLayoutIsTheSameInCAndGo(t *testing.T) {
	c, g := layout(), goLayout()
	if !reflect.DeepEqual(c, g) {
		t.Fatalf("exchange.h and wire/message/shared.go differ:\nC  %v\nGo %v", c, g)
	}
}

func TestKnownHeadersHaveTheSameNumbers(t *testing.T) {
	for id := message.KnownHeader(1); int(id) < message.KnownCount(); id++ {
		for _, name := range []string{id.Name(), strings.ToUpper(id.Name())} {
			if got := known(name); got != uint8(id) {
				t.Errorf("gb_known(%q) = %d, message says %d", name, got, id)
			}
		}
	}
	for _, name := range []string{"", "x", "hosts", "x-kong-request-ie", "x_real_ip"} {
		if known(name) != 0 {
			t.Errorf("gb_known(%q) = %d, want 0", name, known(name))
		}
	}
}
