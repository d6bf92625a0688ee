package luajit

/*
#include "core.h"

// The members of gb_exchange in order, and the sizes of its parts, as the compiler laid them out.
#define AT(m) offsetof(gb_exchange, m)
static const uint32_t layout[] = {
  sizeof(gb_exchange), sizeof(gb_field), sizeof(gb_head), sizeof(gb_str), sizeof(gb_str16),
  offsetof(gb_field, value), offsetof(gb_field, flags), offsetof(gb_field, id),
  AT(used), AT(cap), AT(second), AT(large), AT(request), AT(response), AT(trailer), AT(method), AT(target), AT(uri),
  AT(args), AT(scheme), AT(host), AT(request_id), AT(remote_addr), AT(real_remote_addr), AT(server_addr),
  AT(upstream_uri), AT(upstream_host), AT(upstream_scheme), AT(upstream_statuses), AT(route_prefix), AT(reason), AT(start_time), AT(handle), AT(bytes_sent),
  AT(body_bytes_sent), AT(request_length), AT(connection_serial), AT(connection_requests), AT(status),
  AT(upstream_status), AT(phase), AT(http_major), AT(http_minor), AT(remote_port), AT(real_remote_port),
  AT(server_port), AT(source), AT(head_sent), AT(bits), AT(lua_ctx), AT(lua_request), AT(lua_spare),
  AT(lua_extra), AT(visible_port), AT(home)};
static uint32_t layout_n(void) { return sizeof layout / sizeof layout[0]; }
static uint32_t layout_at(uint32_t i) { return layout[i]; }
*/
import "C"

import (
	"unsafe"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// layout is what C takes the exchange to look like, for the test.
func layout() []uint32 {
	l := make([]uint32, int(C.layout_n()))
	for i := range l {
		l[i] = uint32(C.layout_at(C.uint32_t(i)))
	}
	return l
}

// known is C's number of a header name, for the test.
func known(name string) uint8 {
	if name == "" {
		return 0
	}
	return uint8(C.gb_known((*C.char)(unsafe.Pointer(unsafe.StringData(name))), C.size_t(len(name))))
}

// headOp runs one of C's operations on a header table, for the test: add, set,
// del, or find (the index of the field, -1 if none).
func headOp(x *message.Shared, h *message.Head, op, name, value string) int {
	cx, ch := (*C.gb_exchange)(unsafe.Pointer(x)), (*C.gb_head)(unsafe.Pointer(h))
	n, v := (*C.char)(unsafe.Pointer(unsafe.StringData(name))), (*C.char)(unsafe.Pointer(unsafe.StringData(value)))
	switch op {
	case "add":
		return int(C.gb_add(cx, ch, n, C.size_t(len(name)), v, C.size_t(len(value))))
	case "set":
		return int(C.gb_set(cx, ch, n, C.size_t(len(name)), v, C.size_t(len(value))))
	case "del":
		return int(C.gb_del(cx, ch, n, C.size_t(len(name))))
	case "find", "alike":
		f := C.gb_find(cx, ch, n, C.size_t(len(name)))
		if op == "alike" {
			f = C.gb_find_alike(cx, ch, n, C.size_t(len(name)))
		}
		if f == nil {
			return -1
		}
		return int((uintptr(unsafe.Pointer(f)) - uintptr(unsafe.Pointer(x)) - uintptr(h.Tab)) / unsafe.Sizeof(message.Field{}))
	}
	panic("headOp: " + op)
}
